"""What a sweep asks of a launcher."""

from collections.abc import Generator, Iterator, Sequence
from typing import TYPE_CHECKING, Protocol, runtime_checkable

from tuneformer.config.plain import Config
from tuneformer.errors import UserError
from tuneformer.sweeps.job import Ended, Job

if TYPE_CHECKING:
    from tuneformer.sweeps.preflight.examined import Examined


@runtime_checkable
class Launcher(Protocol):
    """Runs jobs, some at a time; one that fails or dies leaves the others alone."""

    def check(self, configs: Sequence[Config]) -> None:
        """Raises UserError if jobs with these configurations cannot be launched here."""
        ...

    def at_a_time(self) -> int:
        """Jobs that run at the same time."""
        ...

    def examine(self, jobs: Sequence[Job], *, timed: bool) -> "list[Examined | UserError]":
        """What each job would train, built (and timed) where and as the jobs will run."""
        ...

    def run(self, jobs: Iterator[Job | None]) -> Generator[Ended, None, None]:
        """Takes a job whenever it has room for one, and yields each as it ends.

        None instead of a job: there is none now, but there may be when one that runs has ended.
        """
        ...
