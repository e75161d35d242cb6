"""The protocol of a question: check the baseline, tune all methods alike, report on fresh seeds."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from dataclasses import field as dataclass_field
from statistics import fmean

from tuneformer.analysis.statistics.holm import LEVEL
from tuneformer.analysis.statistics.seeds_needed import POWER, power_of_t_test
from tuneformer.analysis.statistics.sequential import FIRST_LOOK, PLANNED
from tuneformer.runs.trial_roles import EXPLORE
from tuneformer.sweeps.ask.baseline_check import NOT_CHECKED, BaselineCheck, Variant, check_baseline
from tuneformer.sweeps.ask.budget import RUNS, SECONDS, Budget, Split, spent, split
from tuneformer.sweeps.ask.reporting import Entrant, Reported, report
from tuneformer.sweeps.ask.trials import AskedTrial, Phase, Results, together
from tuneformer.sweeps.ask.tuning import Tuned, tune
from tuneformer.sweeps.ask.tuning_space import TuningSpace

PILOTS = 2
MOST_SEEDS = 1000


@dataclass(frozen=True, kw_only=True)
class Contestant:
    """A method at one horizon: where it is tuned, and what a run costs in runs of the longest and in steps.

    `field` is the horizon: entries of one field are compared.
    """

    name: str
    method: str
    field: str
    space: TuningSpace = dataclass_field(repr=False)
    cost_in_runs: float
    steps: int


@dataclass(frozen=True, kw_only=True)
class Question:
    """What is asked.

    Attributes:
        contestants: every method at every horizon.
        baseline: the entry that the check runs; None without one.
        variants: what the check tries, the likeliest first.
        rate: the setting that is the baseline's learning rate; None where it is not tuned.
        detect: the difference that is looked for, in the metric: smaller ones are as good as none.
        seed: the first seed of tuning.
        points_seed: of the points that are drawn.
        places: what a method has its entries at.
    """

    contestants: tuple[Contestant, ...]
    baseline: str | None
    variants: tuple[Variant, ...]
    rate: str | None
    detect: float
    seed: int
    points_seed: int
    places: str = "lengths"

    @property
    def methods(self) -> list[list[str]]:
        """Of each method the names of its entries."""
        grouped: dict[str, list[str]] = {}
        for entry in self.contestants:
            grouped.setdefault(entry.method, []).append(entry.name)
        return list(grouped.values())


@dataclass(frozen=True, kw_only=True)
class Findings:
    """What an inquiry came to.

    Attributes:
        costs: of one run of each entry, in the budget's unit.
        split: how the first budget was split.
        planned: the seeds that the report was planned for.
        spread: the deviation over seeds that was seen in tuning; NaN where none was.
    """

    check: BaselineCheck
    tuned: Mapping[str, Tuned]
    reported: Reported
    costs: Mapping[str, float]
    split: Split
    planned: int
    spread: float


def inquire(
    question: Question,
    *,
    first: Budget,
    budget: Budget,
    known: Results,
    at_a_time: int = 1,
    on_plan: Callable[[Split, Mapping[str, float]], None] = lambda _, __: None,
) -> Phase[Findings]:
    """Ask a question.

    Args:
        question: what is asked.
        first: the budget that it was first asked with, which plans check, tuning and looks: a larger one buys
            seeds for the pairs that are open, and changes nothing that was run.
        budget: of all attempts together, in the same unit.
        known: the results of all trials so far, whose seconds count: the mapping that results are sent in.
        at_a_time: runs that go on at the same time: of them each second of a budget has as many.
        on_plan: is told how the budget is split and what a run of each entry costs, once that is known.

    Raises:
        UserError: the budget is too small.
    """
    times = at_a_time if first.unit == SECONDS else 1
    costs = yield from _costs(question, first)
    plan = split(first, costs, entries=question.methods, baseline=question.baseline, times=times)
    on_plan(plan, costs)

    def left(whole: Budget) -> float:
        return whole.amount * times - spent(known, costs, unit=first.unit)

    spaces = {entry.name: entry.space for entry in question.contestants}
    check = yield from _check(question, spaces, n_at_most=plan.check)
    found = yield from together(
        [
            tune(name, space, plan.trials[name], seed=question.seed, points_seed=question.points_seed)
            for name, space in spaces.items()
        ]
    )
    tuned = {each.method: each for each in found}
    entrants = [
        Entrant(method=entry.name, best=each.best, cost=costs[entry.name], field=entry.field)
        for entry in question.contestants
        if math.isfinite((each := tuned[entry.name]).score)
    ]
    spread = _spread(found)
    planned = planned_seeds(entrants, budget=left(first), spread=spread, detect=question.detect)
    reported = yield from report(
        entrants,
        planned=planned,
        left=lambda: left(budget),
        margin=question.detect,
        seed=question.seed,
    )
    return Findings(
        check=check, tuned=tuned, reported=reported, costs=costs, split=plan, planned=planned, spread=spread
    )


def _check(question: Question, spaces: Mapping[str, TuningSpace], *, n_at_most: int) -> Phase[BaselineCheck]:
    """The check of the baseline, where there is one and a budget for it."""
    if question.baseline is None or not n_at_most:
        return NOT_CHECKED
    return (
        yield from check_baseline(
            question.baseline,
            spaces[question.baseline],
            question.variants,
            rate=question.rate,
            detect=question.detect,
            n_at_most=n_at_most,
            seed=question.seed,
        )
    )


def _costs(question: Question, budget: Budget) -> Phase[dict[str, float]]:
    """What a run costs; seconds are those of the first two trials of each entry, as far as they ended.

    Where neither did, as many as the longest of the others.
    """
    if budget.unit != SECONDS:
        return costs_without_time(question, budget)
    pilots = {
        each.name: [
            AskedTrial(method=each.name, values=point, seed=question.seed, role=EXPLORE)
            for point in each.space.draw(PILOTS, seed=question.points_seed)
        ]
        for each in question.contestants
    }
    results = yield [trial for trials in pilots.values() for trial in trials]
    whole = {
        name: [results[t].seconds for t in trials if results[t].whole] for name, trials in pilots.items()
    }
    longest = max((fmean(seconds) for seconds in whole.values() if seconds), default=math.inf)
    return {name: fmean(seconds) if seconds else longest for name, seconds in whole.items()}


def costs_without_time(question: Question, budget: Budget) -> dict[str, float]:
    """What a run of each entry costs, in runs of the longest or in steps."""
    by_runs = budget.unit == RUNS
    return {each.name: each.cost_in_runs if by_runs else float(each.steps) for each in question.contestants}


def _spread(tuned: Sequence[Tuned]) -> float:
    known = [each.spread for each in tuned if math.isfinite(each.spread)]
    return math.sqrt(fmean(spread**2 for spread in known)) if known else math.nan


def n_pairs(entrants: Sequence[Entrant]) -> int:
    """Pairs of entrants of the same field."""
    fields = [each.field for each in entrants]
    return sum(fields.count(name) * (fields.count(name) - 1) // 2 for name in set(fields))


def planned_seeds(entrants: Sequence[Entrant], *, budget: float, spread: float, detect: float) -> int:
    """The seeds that show a difference of `detect` with a chance of 80 %, or as many as the budget buys.

    A paired difference is taken to spread sqrt(2) times as wide as a method: what seeds do to both alike is
    not known yet.
    """
    affordable = int(budget / sum(each.cost for each in entrants) + 1e-9) if entrants else 0
    level = PLANNED * LEVEL / max(1, n_pairs(entrants))
    wanted = affordable
    if math.isfinite(spread):
        wanted = _seeds_for(detect, spread, level=level, at_most=affordable)
    return max(FIRST_LOOK, min(affordable, wanted))


def _seeds_for(detect: float, spread: float, *, level: float, at_most: int) -> int:
    deviation = math.sqrt(2) * spread
    for n in range(FIRST_LOOK, min(at_most, MOST_SEEDS)):
        if deviation == 0 or power_of_t_test(detect, deviation, n, level=level) >= POWER:
            return n
    return at_most


def smallest_difference(n: int, spread: float, *, pairs: int) -> float:
    """The difference that `n` seeds show with a chance of 80 % among so many pairs."""
    deviation, level = math.sqrt(2) * spread, PLANNED * LEVEL / max(1, pairs)
    low, high = 0.0, 1000 * deviation
    for _ in range(60):
        middle = (low + high) / 2
        if power_of_t_test(middle, deviation, n, level=level) >= POWER:
            high = middle
        else:
            low = middle
    return high
