"""One job after another, in this process."""

import gc
from collections.abc import Generator, Iterator, Sequence
from typing import TYPE_CHECKING

from tuneformer.config.plain import Config
from tuneformer.errors import UserError
from tuneformer.sweeps.job import Ended, Job
from tuneformer.sweeps.launchers.train_job import train_job

if TYPE_CHECKING:
    from tuneformer.sweeps.preflight.examined import Examined


class SerialLauncher:
    """Trains each job here. What a run does to its process is undone before the next."""

    def check(self, configs: Sequence[Config]) -> None:
        """There is nothing that this needs."""

    def at_a_time(self) -> int:
        """One."""
        return 1

    def examine(self, jobs: Sequence[Job], *, timed: bool) -> "list[Examined | UserError]":
        """In this process."""
        from tuneformer.sweeps.preflight.examine import examine

        return examine([job.config for job in jobs], timed=timed)

    def run(self, jobs: Iterator[Job | None]) -> Generator[Ended, None, None]:
        """See `Launcher`."""
        while (job := next(jobs, None)) is not None:
            error = train_job(job)
            gc.collect()  # a trainer and its callbacks refer to each other
            yield Ended(job=job, error=error)
