"""search=grid: every combination of the values given."""

from collections.abc import Iterator, Sequence

from tuneformer.sweeps.composing import Composer
from tuneformer.sweeps.folders import Composed, make_jobs
from tuneformer.sweeps.job import Job, Outcome
from tuneformer.sweeps.manifest import Manifest
from tuneformer.sweeps.points import Point


class Grid:
    """The jobs of a grid are known from the start, and no outcome changes them."""

    def __init__(
        self, *, points: Sequence[Point], keys: frozenset[str], composer: Composer, manifest: Manifest
    ) -> None:
        composed = []
        for point in points:
            config, hydra = composer.compose(point)
            composed.append(Composed(point=point, config=config, hydra=hydra))
        self.sample = make_jobs(composed, keys=keys, folder=manifest.path.parent, manifest=manifest)
        self._manifest = manifest

    @property
    def total(self) -> int:
        """The number of combinations."""
        return len(self.sample)

    def jobs(self) -> Iterator[Job]:
        """All of them, written into the manifest before the first."""
        self._manifest.add((job.name, job.overrides, job.config) for job in self.sample)
        self._manifest.write()
        yield from self.sample

    def tell(self, job: Job, outcome: Outcome) -> None:
        """A grid learns nothing."""
