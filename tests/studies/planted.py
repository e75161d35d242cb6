"""Losses that are known beforehand."""

from collections.abc import Callable

from studies.optimizer_methods import Method
from studies.tuning import Job, Tuning


def run_tuning(method: Method, loss: Callable[[Job], float]) -> tuple[Tuning, list[Job]]:
    """Tunes a method whose losses are `loss(job)`; the tuning at its end, and all jobs in order."""
    tuning, jobs = Tuning(method), []
    while new := tuning.next_jobs():
        for job in new:
            tuning.losses[job.rate, job.seed] = loss(job)
        jobs += new
    return tuning, jobs
