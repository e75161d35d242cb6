"""search=ladder as a plan of a sweep: the engine of `ask`, with the points of a ladder as its entries."""

from collections.abc import Callable, Iterator, Sequence

from tuneformer.analysis.laws.ladder_file import LadderEntry, LadderFile
from tuneformer.sweeps.ask.ask import Ask
from tuneformer.sweeps.ask.budget import read_budget
from tuneformer.sweeps.ask.contestants import methods_of
from tuneformer.sweeps.composing import Composed, Composer
from tuneformer.sweeps.job import Job
from tuneformer.sweeps.ladder.points import contestants_of_ladder, name_of, points_of_ladder, told
from tuneformer.sweeps.ladder.sizes import Examine, given_beside_size, sized_methods
from tuneformer.sweeps.manifest import Manifest


class AskedLadder(Ask):
    """Every method tuned alike at every size and length, its setting reported with fresh seeds."""

    def __init__(
        self,
        *,
        composed: Sequence[Composed],
        keys: frozenset[str],
        composer: Composer,
        manifest: Manifest,
        budget: str | None,
        retry_failed: bool,
        at_a_time: Callable[[], int],
        examine: Examine,
    ) -> None:
        """`examine`: builds what jobs would train."""
        sized = sized_methods(
            methods_of(composed, keys=keys), keys=keys, examine=examine, folder=manifest.path.parent
        )
        points = points_of_ladder(sized, composed[0].config["search"])
        super().__init__(
            contestants=contestants_of_ladder(points),
            composer=composer,
            manifest=manifest,
            budget=budget,
            retry_failed=retry_failed,
            at_a_time=at_a_time,
        )
        self._ladder = LadderFile(
            metric=composed[0].config["optimized_metric"],
            given={each.of: given_beside_size(each) for each in sized},
            entries=tuple(
                LadderEntry(
                    name=name_of(point),
                    method=point.sized.of,
                    size=point.sized.size,
                    steps=point.steps,
                    parameters=point.sized.parameters,
                    all_parameters=point.sized.all_parameters,
                    tokens=point.tokens,
                    flops_per_token=point.sized.flops_per_token,
                )
                for point in points
            ),
        )
        self._told_first = told(points, read_budget(str(budget)), at_a_time=at_a_time())

    def announce(self) -> list[str]:
        """See `Ask`."""
        return [*self._told_first, *super().announce()]

    def jobs(self) -> Iterator[Job | None]:
        """See `Ask`; what the points are is written beside their runs first."""
        self._ladder.write(self._folder)
        yield from super().jobs()

    def summary(self) -> list[str]:
        """See `Ask`; then what to type next."""
        said = super().summary()
        to = "parameters=<without embeddings> tokens=<trained on>"
        return [*said, f'next: tuneformer predict {self._folder} --to "{to}"'] if said else []
