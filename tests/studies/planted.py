"""Losses that are known beforehand."""

from collections.abc import Callable

from studies.tuned_method import TunedMethod
from studies.tuning import Tuning, TuningRun


def run_tuning(method: TunedMethod, loss: Callable[[TuningRun], float]) -> tuple[Tuning, list[TuningRun]]:
    """Tunes a method whose losses are `loss(job)`; the tuning at its end, and all jobs in order."""
    tuning, jobs = Tuning(method), []
    while new := tuning.next_jobs():
        for job in new:
            tuning.losses[job.rate, job.seed] = loss(job)
        jobs += new
    return tuning, jobs
