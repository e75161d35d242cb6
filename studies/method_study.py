"""A study of methods: every one tuned over its own rates, then run on fresh seeds."""

import math
import time
from collections.abc import Collection, Sequence

from studies.running import Call, RunResult, run_all
from studies.tuned_method import TunedMethod
from studies.tuning import FRESH_SEEDS, TUNING_SEED, Tuning, TuningRun, overrides_of
from tuneformer.process.terminal import say
from tuneformer.runs.record import RunRecord
from tuneformer.sweeps.folders import sweep_folder
from tuneformer.sweeps.job_names import job_name


class Study:
    """All methods of a study, and the records of their runs.

    The runs lie in outputs/sweeps/<name>; a run that is there already is not trained again, and one that
    was interrupted goes on, so that the same call finishes what was stopped.
    """

    def __init__(
        self, *, name: str, experiment: str, methods: Sequence[TunedMethod], overrides: Sequence[str]
    ) -> None:
        self.folder = sweep_folder(name)
        self.experiment = experiment
        self.overrides = list(overrides)
        self.tunings = {method.option: Tuning(method) for method in methods}
        self.records: dict[TuningRun, RunRecord] = {}
        self.errors: dict[TuningRun, str] = {}
        self._submitted = 0
        self._started = time.monotonic()

    def run(self, *, workers: int) -> None:
        """Runs everything that is not there yet, `workers` at a time, telling of each as it ends."""
        first = [job for tuning in self.tunings.values() for job in tuning.next_jobs()]
        run_all(self._calls(first), workers=workers, folder=self.folder, taken=self._then)

    def _then(
        self, job: TuningRun, outcome: RunResult, still_open: Collection[TuningRun]
    ) -> dict[TuningRun, Call]:
        self._take(job, outcome)
        if any(other.option == job.option for other in still_open):
            return {}
        return self._calls(self._next_jobs(job.option))

    @property
    def test_losses(self) -> dict[TuningRun, float]:
        """Test loss of every run so far; infinity where it diverged."""
        return {
            job: math.inf if record.status == "diverged" else record.final["test/loss"]
            for job, record in self.records.items()
        }

    def fresh_runs(self, option: str, rate: float) -> list[Call]:
        """Overrides and folder of each run of a method at this rate with a fresh seed that has ended."""
        jobs = [TuningRun(option, rate, seed) for seed in FRESH_SEEDS]
        return [self._call(job) for job in jobs if job in self.records]

    def _next_jobs(self, option: str) -> list[TuningRun]:
        failed = any(job.option == option for job in self.errors)
        return [] if failed else self.tunings[option].next_jobs()

    def _calls(self, jobs: Sequence[TuningRun]) -> dict[TuningRun, Call]:
        self._submitted += len(jobs)
        return {job: self._call(job) for job in jobs}

    def _call(self, job: TuningRun) -> Call:
        overrides = [*overrides_of(job, self.tunings[job.option].method, self.experiment), *self.overrides]
        varied = (self.tunings[job.option].method.group, "optimizer", "seed")
        name = job_name([override for override in overrides[1:] if override.startswith(varied)])
        return overrides, str(self.folder / name)

    def _take(self, job: TuningRun, outcome: RunResult) -> None:
        if outcome.record is None:
            self.errors[job] = outcome.error or "no reason given"
        else:
            self.records[job] = outcome.record
            loss = outcome.record.final.get("val/loss", math.inf)
            diverged = outcome.record.status == "diverged"
            self.tunings[job.option].losses[job.rate, job.seed] = math.inf if diverged else loss
        self._tell(job)

    def _tell(self, job: TuningRun) -> None:
        minutes = (time.monotonic() - self._started) / 60
        done = len(self.records) + len(self.errors)
        loss = self.tunings[job.option].losses.get((job.rate, job.seed))
        result = f"val loss {loss:.4f}" if loss is not None else f"failed: {self.errors[job]}"
        role = "tuning" if job.seed == TUNING_SEED else "fresh seed"
        say(
            f"{done} done, {self._submitted - done} known to be left, {minutes:.1f} min: {job.option}"
            f" lr {job.rate:g} seed {job.seed} ({role}): {result}"
        )
