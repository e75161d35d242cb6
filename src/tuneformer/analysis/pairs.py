"""Every two methods against each other, paired by seed wherever they share seeds."""

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass

from tuneformer.analysis.criterion import Criterion
from tuneformer.analysis.selection import Result
from tuneformer.analysis.statistics.intervals import Estimate, paired_difference, unpaired_difference
from tuneformer.analysis.statistics.seeds_needed import seeds_needed
from tuneformer.analysis.statistics.sign_flip import FEWEST_PAIRS, holm, sign_flip_p


@dataclass(frozen=True, kw_only=True)
class Pair:
    """The difference of two methods: `first` minus `second`.

    Attributes:
        difference: its mean over shared seeds, with the interval (Welch's where fewer than two are shared).
        p: of the exact sign-flip test; NaN below 6 shared seeds.
        p_holm: the same, corrected for all pairs that were tested.
        needed: seeds that would show a difference like this one; None where that cannot be told.
        note: why there is no interval or no test, in words; empty where there is one.
    """

    first: str
    second: str
    difference: Estimate
    paired: bool
    p: float
    p_holm: float
    needed: int | None
    note: str


def compare_pairs(results: Sequence[Result], criterion: Criterion) -> list[Pair]:
    """All pairs of the results of one task at one horizon, in their order."""
    drafts = [_compare(a, b, criterion) for a, b in itertools.combinations(results, 2)]
    adjusted = holm([draft.p for draft in drafts])
    return [Pair(**{**vars(draft), "p_holm": p}) for draft, p in zip(drafts, adjusted, strict=True)]


def difference_from(result: Result, baseline: Result, criterion: Criterion) -> Estimate:
    """The difference of a method from the baseline."""
    return _compare(result, baseline, criterion).difference


def _compare(first: Result, second: Result, criterion: Criterion) -> Pair:
    mine = {trial.seed: criterion.reporting(trial) for trial in first.reported}
    theirs = {trial.seed: criterion.reporting(trial) for trial in second.reported}
    shared = sorted(mine.keys() & theirs.keys())
    paired = len(shared) > 1 or len(mine) == len(theirs) == len(shared)
    if paired:
        difference = paired_difference([mine[seed] for seed in shared], [theirs[seed] for seed in shared])
        p = sign_flip_p([_finite(mine[seed]) - _finite(theirs[seed]) for seed in shared])
    else:
        difference, p = unpaired_difference([*mine.values()], [*theirs.values()]), math.nan
    needed = seeds_needed(difference.mean, difference.deviation)
    return Pair(
        first=first.method,
        second=second.method,
        difference=difference,
        paired=paired,
        p=p,
        p_holm=math.nan,
        needed=needed if needed is not None and needed > difference.n else None,
        note=_note([*mine.values(), *theirs.values()], difference, paired, needed),
    )


def _note(values: Sequence[float], difference: Estimate, paired: bool, needed: int | None) -> str:
    without_end = sum(not math.isfinite(value) for value in values)
    if without_end:
        return f"{without_end} of the runs diverged or were pruned: no difference can be given"
    if difference.n < 2:
        return "one seed: no interval; how many are needed cannot be told from one"
    if not paired:
        return "no shared seeds: not paired, and not tested"
    if difference.n >= FEWEST_PAIRS:
        return ""
    if needed is None:
        return f"{difference.n} seeds, too few for a test (6)"
    return f"{difference.n} seeds, too few for a test (6): a difference like this one would take {needed}"


def _finite(value: float) -> float:
    return value if math.isfinite(value) else math.nan
