"""The study of optimizers: every method tuned over its own rates, then run on fresh seeds."""

import math
import time
from collections.abc import Sequence
from concurrent.futures import FIRST_COMPLETED, Executor, Future, wait

from tuneformer.runs.directory import OUTPUTS
from tuneformer.runs.record import Record
from tuneformer.studies.optimizer_methods import Method
from tuneformer.studies.tuning import TUNING_SEED, Job, Tuning, overrides_of
from tuneformer.studies.workers import LOG, Outcome, run_once, start_workers
from tuneformer.sweeps.job_names import job_name
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
        self._submitted = 0
        self._started = time.monotonic()

    def run(self, *, workers: int) -> None:
        """Runs everything that is not there yet, `workers` at a time, telling of each as it ends."""
        self.folder.mkdir(parents=True, exist_ok=True)
        with start_workers(workers, self.folder / LOG) as pool:
            open_jobs: dict[Future[Outcome], Job] = {}
            for tuning in self.tunings.values():
                open_jobs |= self._submit(pool, tuning.next_jobs())
            while open_jobs:
                for done in wait(open_jobs, return_when=FIRST_COMPLETED).done:
                    job = open_jobs.pop(done)
                    self._take(job, done.result())
                    if not any(other.option == job.option for other in open_jobs.values()):
                        open_jobs |= self._submit(pool, self._next_jobs(job.option))

    def _next_jobs(self, option: str) -> list[Job]:
        failed = any(job.option == option for job in self.errors)
        return [] if failed else self.tunings[option].next_jobs()

    def _submit(self, pool: Executor, jobs: Sequence[Job]) -> dict[Future[Outcome], Job]:
        self._submitted += len(jobs)
        return {pool.submit(run_once, *self._call(job)): job for job in jobs}

    def _call(self, job: Job) -> tuple[list[str], str]:
        overrides = [*overrides_of(job, self.tunings[job.option].method, self.experiment), *self.overrides]
        name = job_name(
            [override for override in overrides[1:] if override.startswith(("optimizer", "seed"))]
        )
        return overrides, str(self.folder / name)

    def _take(self, job: Job, outcome: Outcome) -> None:
        if outcome.record is None:
            self.errors[job] = outcome.error or "no reason given"
        else:
            self.records[job] = outcome.record
            loss = outcome.record["metrics"]["final"].get("val/loss", math.inf)
            diverged = outcome.record["status"] == "diverged"
            self.tunings[job.option].losses[job.rate, job.seed] = math.inf if diverged else loss
        self._tell(job)

    def _tell(self, job: Job) -> None:
        minutes = (time.monotonic() - self._started) / 60
        done = len(self.records) + len(self.errors)
        loss = self.tunings[job.option].losses.get((job.rate, job.seed))
        result = f"val loss {loss:.4f}" if loss is not None else f"failed: {self.errors[job]}"
        role = "tuning" if job.seed == TUNING_SEED else "fresh seed"
        say(
            f"{done} done, {self._submitted - done} known to be left, {minutes:.1f} min: {job.option}"
            f" lr {job.rate:g} seed {job.seed} ({role}): {result}"
        )
