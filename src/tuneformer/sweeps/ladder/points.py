"""The points of a ladder: every size at lengths that follow from it."""

from collections.abc import Sequence
from dataclasses import dataclass

from tuneformer.analysis.laws.ladder_file import TOKENS_A_PARAMETER
from tuneformer.config.plain import Settings
from tuneformer.config.quoting import typed
from tuneformer.errors import UserError
from tuneformer.sweeps.ask.budget import SECONDS, Budget, split
from tuneformer.sweeps.ask.contestants import ComposedContestant, contestant_of
from tuneformer.sweeps.clock import clock
from tuneformer.sweeps.ladder.sizes import SizedMethod

FEWEST_LENGTHS = 2
CHINCHILLA, FLOPS, HORIZONS = "chinchilla", "flops", "horizons"


@dataclass(frozen=True, kw_only=True)
class LadderPoint:
    """A method at a size and a length."""

    sized: SizedMethod
    steps: int

    @property
    def tokens(self) -> int:
        """What a run reads."""
        return self.steps * self.sized.tokens_per_step

    @property
    def flops(self) -> float:
        """What a run costs."""
        return self.tokens * self.sized.flops_per_token


def points_of_ladder(sized: Sequence[SizedMethod], settings: Settings) -> list[LadderPoint]:
    """Every method at every size and length.

    Lengths are, as `search` says, multiples of 20 tokens a parameter (without embeddings), amounts of
    compute, or steps. All methods have those of the first, so that they are compared after as many tokens.

    Raises:
        UserError: there are no two lengths, or a length is less than a step.
    """
    given = [name for name in (CHINCHILLA, FLOPS, HORIZONS) if settings[name] is not None]
    if len(given) != 1:
        raise UserError(
            "search=ladder takes one of search.chinchilla, search.flops and search.horizons: "
            + (" and ".join(given) + " are given" if given else "none is given")
        )
    lengths = settings[given[0]]
    if len(set(lengths)) < max(FEWEST_LENGTHS, len(lengths)):
        raise UserError(
            f"search.{given[0]}={typed(list(lengths))} must be {FEWEST_LENGTHS} different lengths or more"
        )
    first: dict[str, SizedMethod] = {}
    for each in sized:
        first.setdefault(each.size, each)
    steps = {size: _steps(each, given[0], lengths) for size, each in first.items()}
    return [LadderPoint(sized=each, steps=n) for each in sized for n in steps[each.size]]


def _steps(sized: SizedMethod, unit: str, lengths: Sequence[float]) -> list[int]:
    if unit == HORIZONS:
        return sorted(int(length) for length in lengths)
    each = {
        CHINCHILLA: TOKENS_A_PARAMETER * sized.parameters,
        FLOPS: 1 / sized.flops_per_token,
    }[unit]
    steps = [each * length / sized.tokens_per_step for length in sorted(lengths)]
    rounded = [round(n) for n in steps]
    if rounded[0] < 1 or len(set(rounded)) < len(rounded):
        raise UserError(
            f"search.{unit}={typed(list(lengths))} is {', '.join(f'{n:.3g}' for n in steps)} steps of"
            f" {sized.tokens_per_step:,} tokens at {sized.size}: give longer ones, or a"
            " smaller data.batch_size"
        )
    return rounded


def contestants_of_ladder(points: Sequence[LadderPoint]) -> list[ComposedContestant]:
    """The points as entries of a question: those of a size and length are compared."""
    costliest = max(point.flops for point in points)
    return [
        contestant_of(
            point.sized.method,
            name=name_of(point),
            of=point.sized.of,
            field=f"{point.sized.size} at {point.steps} steps",
            horizon=point.steps,
            cost_in_runs=point.flops / costliest,
        )
        for point in points
    ]


def name_of(point: LadderPoint) -> str:
    """Of the entry that a point is."""
    return f"{point.sized.method.name} at {point.steps} steps"


def told(points: Sequence[LadderPoint], budget: Budget, *, at_a_time: int) -> list[str]:
    """The sizes with their lengths, and what a budget of time buys, as far as steps were timed."""
    lines = []
    for size in dict.fromkeys(point.sized.size for point in points):
        of_size = [point for point in points if point.sized.size == size]
        one = of_size[0].sized
        lengths = [point for point in of_size if point.sized is one]
        steps = ", ".join(f"{point.steps:,}" for point in lengths)
        tokens = ", ".join(f"{point.tokens:.3g}" for point in lengths)
        lines.append(
            f"ladder: {size}: {one.parameters:,} parameters without embeddings, {one.all_parameters:,} with;"
            f" {steps} steps ({tokens} tokens)"
        )
    return [*lines, *_bought(points, budget, at_a_time=at_a_time)]


def _bought(points: Sequence[LadderPoint], budget: Budget, *, at_a_time: int) -> list[str]:
    seconds = {
        name_of(point): point.steps * point.sized.seconds_per_step
        for point in points
        if point.sized.seconds_per_step is not None
    }
    if len(seconds) < len(points):
        return []
    whole = sum(seconds.values())
    line = f"ladder: one run of each point takes about {clock(whole / at_a_time)} of training"
    if budget.unit != SECONDS:
        return [line]
    of_method: dict[str, list[str]] = {}
    for point in points:
        of_method.setdefault(point.sized.of, []).append(name_of(point))
    try:
        plan = split(budget, seconds, entries=[*of_method.values()], baseline=None, times=at_a_time)
    except UserError as error:
        return [line, f"ladder: it may be too little: {error}"]
    fewest, most = min(plan.trials.values()), max(plan.trials.values())
    trials = f"{fewest}" if fewest == most else f"{fewest} to {most}"
    return [
        line,
        f"ladder: {budget} buy about {trials} trials and {int(plan.report / whole)} fresh seeds of each, less"
        " what starts and evaluations take",
    ]
