"""Every two methods against each other, paired by seed wherever they share seeds."""

import itertools
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from tuneformer.analysis.compare.criterion import Criterion
from tuneformer.analysis.compare.selection import Result
from tuneformer.analysis.statistics.estimate import Estimate
from tuneformer.analysis.statistics.holm import holm
from tuneformer.analysis.statistics.intervals import paired_difference, unpaired_difference
from tuneformer.analysis.statistics.seeds_needed import seeds_needed
from tuneformer.analysis.statistics.sign_flip import fewest_pairs, sign_flip_p
from tuneformer.analysis.statistics.t_test import paired_t_p, welch_p

MOST_UNEQUAL = (
    2  # times as many settings: beyond, tests of equal methods reject too often (5.6 % at 3, 12 % at 10)
)


@dataclass(frozen=True, kw_only=True)
class MethodDifference:
    """The difference of two methods: `first` minus `second`.

    Attributes:
        difference: its mean over shared seeds, with the interval (Welch's where fewer than two are shared).
        p: of the exact sign-flip test; NaN below 6 shared seeds.
        p_holm: the same, corrected for all pairs that were tested by it.
        p_t: of the t test (Welch's without pairs), which takes differences as normal; NaN below 3 seeds.
        p_t_holm: the same, corrected for all pairs that were tested by it.
        needed: seeds that would show a difference like this one among all these pairs, where they are more
            than there are; None where that cannot be told.
        note: why there is no interval or no test, in words; empty where there is one.
    """

    first: str
    second: str
    difference: Estimate
    paired: bool
    p: float
    p_holm: float
    p_t: float
    p_t_holm: float
    needed: int | None
    note: str


def compare_pairs(results: Sequence[Result], criterion: Criterion) -> list[MethodDifference]:
    """All pairs of the results of one task at one horizon, in their order."""
    drafts = [_compare(a, b, criterion) for a, b in itertools.combinations(results, 2)]
    n_tests = sum(math.isfinite(draft.difference.mean) for draft in drafts)
    exact, by_t = holm([draft.p for draft in drafts]), holm([draft.p_t for draft in drafts])
    return [
        _in_family(replace(draft, p_holm=p, p_t_holm=p_t), n_tests)
        for draft, p, p_t in zip(drafts, exact, by_t, strict=True)
    ]


def difference_from(result: Result, baseline: Result, criterion: Criterion) -> Estimate:
    """The difference of a method from the baseline."""
    return _compare(result, baseline, criterion).difference


def _compare(first: Result, second: Result, criterion: Criterion) -> MethodDifference:
    mine, theirs = _by_seed(first, criterion), _by_seed(second, criterion)
    all_mine = [criterion.reporting(trial) for trial in first.reported]
    all_theirs = [criterion.reporting(trial) for trial in second.reported]
    shared = sorted(mine.keys() & theirs.keys())
    paired = len(shared) > 1 or len(all_mine) == len(all_theirs) == len(shared)
    p = p_t = math.nan
    unfair = _unfair(first, second)
    if paired:
        a, b = [mine[seed] for seed in shared], [theirs[seed] for seed in shared]
        difference = paired_difference(a, b)
        if not unfair:
            gaps = [_finite(x) - _finite(y) for x, y in zip(a, b, strict=True)]
            p, p_t = sign_flip_p(gaps), paired_t_p(gaps)
    else:
        difference = unpaired_difference(all_mine, all_theirs)
        p_t = math.nan if unfair else welch_p(all_mine, all_theirs)
    return MethodDifference(
        first=first.method,
        second=second.method,
        difference=difference,
        paired=paired,
        p=p,
        p_holm=math.nan,
        p_t=p_t,
        p_t_holm=math.nan,
        needed=None,
        note=_note([*all_mine, *all_theirs], difference, paired=paired) or unfair,
    )


def _by_seed(result: Result, criterion: Criterion) -> Mapping[int, float]:
    """The reported value of each seed; a run whose seed is not known is no part of a pair."""
    return {trial.seed: criterion.reporting(trial) for trial in result.reported if trial.seed is not None}


def _in_family(pair: MethodDifference, n_tests: int) -> MethodDifference:
    """The pair with what it takes to show its difference among `n_tests`."""
    deviation = pair.difference.deviation * (1.0 if pair.paired else math.sqrt(2.0))
    needed = seeds_needed(pair.difference.mean, deviation, n_tests=n_tests)
    if needed is not None and needed <= pair.difference.n:
        needed = None
    return replace(pair, needed=needed, note=pair.note or _seeds_note(pair, needed, n_tests))


def _note(values: Sequence[float], difference: Estimate, *, paired: bool) -> str:
    without_end = sum(not math.isfinite(value) for value in values)
    if without_end:
        return f"{without_end} of the runs diverged or were pruned: no difference can be given"
    if difference.n < 2:
        return "one seed: no interval; how many are needed cannot be told from one"
    if difference.deviation == 0:
        return f"the difference is the same with all {difference.n} seeds: no spread to judge it by"
    return "" if paired else "no shared seeds: not paired, Welch's interval and test"


def _seeds_note(pair: MethodDifference, needed: int | None, n_tests: int) -> str:
    fewest = fewest_pairs(n_tests)
    if pair.difference.n >= fewest:
        return ""
    among = f"{n_tests} pairs" if n_tests > 1 else "one pair"
    told = f"{pair.difference.n} seeds, too few for the exact test of {among} ({fewest})"
    return told if needed is None else f"{told}: a difference like this one would take {needed}"


def _unfair(first: Result, second: Result) -> str:
    """Why a test of the two would be false: one was picked from many settings on the seeds reported."""
    numbers = [len(result.settings) if result.optimistic else 1 for result in (first, second)]
    if max(numbers) <= MOST_UNEQUAL * min(numbers):
        return ""
    more, less = (first, second) if numbers[0] > numbers[1] else (second, first)
    return (
        f"not tested: {more.method} was picked from {max(numbers)} settings on these seeds,"
        f" {less.method} from {min(numbers)}; run the best settings on fresh seeds"
    )


def _finite(value: float) -> float:
    return value if math.isfinite(value) else math.nan
