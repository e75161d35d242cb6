"""The study of optimizers: every method tuned over its own rates, then run on fresh seeds."""

import math
import time
from collections.abc import Iterator, Sequence

from tuneformer.checks import check_config
from tuneformer.config.compose import compose_config
from tuneformer.runs.directory import OUTPUTS, RunDirectory
from tuneformer.runs.record import Record
from tuneformer.studies.optimizer_methods import Method
from tuneformer.studies.tuning import TUNING_SEED, Job, Tuning, overrides_of
from tuneformer.sweeps.folders import Composed, make_job
from tuneformer.sweeps.job import Job as SweepJob
from tuneformer.sweeps.job import Outcome
from tuneformer.sweeps.job_names import job_name
from tuneformer.sweeps.launchers.local import LocalLauncher
from tuneformer.sweeps.manifest import Manifest
from tuneformer.sweeps.sweep import run_jobs
from tuneformer.terminal import say


class Study:
    """All methods of a study, and the records of their runs.

    The runs lie in outputs/sweeps/<name>; a run that is there already is not trained again, and one that
    was interrupted goes on, so that the same call finishes what was stopped.
    """

    def __init__(
        self, *, name: str, experiment: str, methods: Sequence[Method], overrides: Sequence[str]
    ) -> None:
        self.folder = OUTPUTS / "sweeps" / name
        self.experiment = experiment
        self.overrides = list(overrides)
        self.tunings = {method.option: Tuning(method) for method in methods}
        self.records: dict[Job, Record] = {}
        self.errors: dict[Job, str] = {}
        self._queue: list[Job] = []
        self._open: dict[str, Job] = {}
        self._started = time.monotonic()

    def run(self, *, workers: int) -> None:
        """Runs everything that is not there yet, `workers` at a time, telling of each as it ends."""
        manifest = Manifest(self.folder)
        manifest.acquire()
        try:
            run_jobs(
                self._jobs(manifest),
                launcher=LocalLauncher(n_jobs=workers),
                manifest=manifest,
                retry_failed=True,
                tell=self._take,
                verbose=False,
            )
        finally:
            manifest.release()

    @property
    def test_losses(self) -> dict[Job, float]:
        """Test loss of every run so far; infinity where it diverged."""
        return {
            job: math.inf if record["status"] == "diverged" else record["metrics"]["final"]["test/loss"]
            for job, record in self.records.items()
        }

    def _jobs(self, manifest: Manifest) -> Iterator[SweepJob | None]:
        """Jobs as they become known; None while others must end before the next are."""
        for tuning in self.tunings.values():
            self._queue += tuning.next_jobs()
        while self._queue or self._open:
            if not self._queue:
                yield None
                continue
            job = self._queue.pop(0)
            made = self._make(job)
            self._open[made.name] = job
            manifest.add([(made.name, made.overrides, made.config)])
            manifest.write()
            yield made

    def _make(self, job: Job) -> SweepJob:
        overrides = [*overrides_of(job, self.tunings[job.option].method, self.experiment), *self.overrides]
        named = [override for override in overrides[1:] if override.startswith(("optimizer", "seed"))]
        composed, hydra = compose_config(overrides)
        point = Composed(point=tuple(overrides), config=check_config(composed, hydra), hydra=hydra)
        return make_job(point, self.folder / job_name(named))

    def _take(self, made: SweepJob, outcome: Outcome) -> None:
        job = self._open.pop(made.name)
        if outcome.ended:
            record = RunDirectory(made.folder).read_record()
            self.records[job] = record
            loss = record["metrics"]["final"].get("val/loss", math.inf)
            diverged = record["status"] == "diverged"
            self.tunings[job.option].losses[job.rate, job.seed] = math.inf if diverged else loss
        else:
            self.errors[job] = outcome.error or "no reason given"
        self._tell(job)
        failed = any(other.option == job.option for other in self.errors)
        if not failed and not any(
            other.option == job.option for other in [*self._open.values(), *self._queue]
        ):
            self._queue += self.tunings[job.option].next_jobs()

    def _tell(self, job: Job) -> None:
        minutes = (time.monotonic() - self._started) / 60
        done, left = len(self.records) + len(self.errors), len(self._open) + len(self._queue)
        loss = self.tunings[job.option].losses.get((job.rate, job.seed))
        result = f"val loss {loss:.4f}" if loss is not None else f"failed: {self.errors[job]}"
        role = "tuning" if job.seed == TUNING_SEED else "fresh seed"
        say(
            f"{done} done, {left} known to be left, {minutes:.1f} min: {job.option}"
            f" lr {job.rate:g} seed {job.seed} ({role}): {result}"
        )
