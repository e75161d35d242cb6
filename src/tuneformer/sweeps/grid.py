"""search=grid: every combination of the values given."""

from collections.abc import Iterator, Sequence

from tuneformer.sweeps.composing import Composed
from tuneformer.sweeps.folders import make_jobs
from tuneformer.sweeps.job import Job, Outcome
from tuneformer.sweeps.manifest import Manifest
from tuneformer.sweeps.sweep import known_outcome


class Grid:
    """The jobs of a grid are known from the start, and no outcome changes them."""

    def __init__(self, *, composed: Sequence[Composed], keys: frozenset[str], manifest: Manifest) -> None:
        self.sample = make_jobs(composed, keys=keys, folder=manifest.path.parent, manifest=manifest)
        self._manifest = manifest
        self.done_before = 0

    @property
    def total(self) -> int:
        """The number of combinations."""
        return len(self.sample)

    def counts(self, job: Job) -> tuple[int, int]:
        """A job is one, and done if it has ended."""
        outcome = known_outcome(job, self._manifest)
        return 1, int(outcome is not None and outcome.ended)

    def jobs(self) -> Iterator[Job]:
        """All of them, written into the manifest before the first."""
        self._manifest.add((job.name, job.overrides, job.config) for job in self.sample)
        self._manifest.write()
        yield from self.sample

    def tell(self, job: Job, outcome: Outcome) -> None:
        """A grid learns nothing."""

    def announce(self) -> list[str]:
        """The table says it."""
        return []

    def summary(self) -> list[str]:
        """Comparing the jobs is not a sweep's business."""
        return []
