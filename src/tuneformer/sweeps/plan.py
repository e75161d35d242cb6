"""What a sweep does: which jobs there are, and what it makes of their outcomes."""

from collections.abc import Iterator, Sequence
from typing import Protocol

from tuneformer.sweeps.job import Job, Outcome


class Plan(Protocol):
    """A grid or a search."""

    @property
    def sample(self) -> Sequence[Job]:
        """The jobs that are checked before the first begins: all of a grid, the corners of a search."""
        ...

    @property
    def total(self) -> int:
        """The number of jobs."""
        ...

    @property
    def done_before(self) -> int:
        """Jobs that ended in an earlier attempt and are not among `jobs` any more."""
        ...

    def announce(self) -> list[str]:
        """What is to come, in words, where the table of the preflight does not say it."""
        ...

    def summary(self) -> list[str]:
        """What came out of it, in a line or more."""
        ...

    def counts(self, job: Job) -> tuple[int, int]:
        """How many jobs one of the sample stands for, and how many of them have ended."""
        ...

    def jobs(self) -> Iterator[Job | None]:
        """The jobs in order, each made when it is asked for.

        None while the next depends on those that run.
        """
        ...

    def tell(self, job: Job, outcome: Outcome) -> None:
        """Takes note of what became of a job."""
        ...
