"""What a table itself shows of a setting that is unfair: uneven basins, spread that grows, kin far apart."""

import itertools
import math
from collections.abc import Mapping, Sequence

import numpy as np
from scipy.special import fdtrc, ndtr, ndtri

from tuneformer.analysis.compare.budget import Spent
from tuneformer.analysis.compare.criterion import Criterion
from tuneformer.analysis.compare.design import Design
from tuneformer.analysis.compare.pairs import difference_from
from tuneformer.analysis.compare.selection import Result
from tuneformer.analysis.compare.trial import GRID
from tuneformer.analysis.compare.tuning_curves import ALL_METHODS, RATE_NAMES, TuningCurve
from tuneformer.config.registry import TARGET
from tuneformer.optim.facts import facts_in

FEWEST_VALUES, FEWEST_SEEDS = 4, 3
APART = 2
"""Tolerances between kin. Where none is held back NAdam gains one on AdamW (docs/results/optimizers.md)."""
FEWEST_METHODS = 4
"""That show together whether spreads grow: each has few repeated settings."""
LEVEL = 0.01
REMEDY = "the setting may hold these methods back: try another initialization, a longer warmup, other betas"


def unfair_signs(
    results: Sequence[Result],
    curves: Sequence[TuningCurve],
    spent: Sequence[Spent],
    design: Design,
    criterion: Criterion,
    *,
    tolerance: float,
) -> list[tuple[list[str], str]]:
    """The methods that show a sign, and what it is."""
    listed = {each.method for each in spent if each.samplers == (GRID,)}
    uneven = [each.method for each in curves if each.method in listed and is_uneven(each, criterion)]
    spreading = [result.method for result in results if spread_grows(result, design, criterion)]
    if not spreading and spreads_grow_together(results, design, criterion):
        spreading = [result.method for result in results]
    signs = (
        (uneven, "the loss over the learning rate falls, rises and falls again"),
        (spreading, "the spread over seeds grows with the learning rate"),
        *families_apart(results, criterion, tolerance=tolerance),
    )
    return [(list(dict.fromkeys(methods)), f"{what}; {REMEDY}") for methods, what in signs if methods]


def is_uneven(curve: TuningCurve, criterion: Criterion) -> bool:
    """Whether the cost over a learning rate has a second valley deeper than the basin's tolerance.

    On one side of the best rate some rate is better by more than the tolerance than one between the two.
    """
    basin = curve.basin
    if curve.method == ALL_METHODS or basin is None or not _is_rate(curve.key):
        return False
    best = curve.values.index(basin.best)
    costs = [criterion.cost(score) for score in curve.scores]
    if len(costs) < FEWEST_VALUES:
        return False
    for side in (costs[best:], costs[best::-1]):
        highest = -math.inf
        for cost in side:
            highest = max(highest, cost)
            if math.isfinite(highest) and highest - cost > basin.tolerance:
                return True
    return False


def spread_grows(result: Result, design: Design, criterion: Criterion) -> bool:
    """Whether the variance over seeds at the highest rate repeated exceeds that at the lowest (F test)."""
    return _p_of_growth(_repeated(result, design, criterion, n_seeds=FEWEST_SEEDS)) < LEVEL


def spreads_grow_together(results: Sequence[Result], design: Design, criterion: Criterion) -> bool:
    """The same of all methods at once, each with a few settings repeated: Stouffer's sum of their F tests."""
    each = [_p_of_growth(_repeated(result, design, criterion, n_seeds=2)) for result in results]
    scores = [float(ndtri(1 - p)) for p in each if 0 < p < 1]
    if len(scores) < FEWEST_METHODS:
        return False
    return float(ndtr(-sum(scores) / math.sqrt(len(scores)))) < LEVEL


def families_apart(
    results: Sequence[Result], criterion: Criterion, *, tolerance: float
) -> list[tuple[list[str], str]]:
    """Methods of one family (`optim.facts`) surely more than twice the tolerance apart: the farthest two.

    They are compared where nothing but the optimizer's option differs, on the same task and length.
    """
    kin: dict[tuple[object, ...], list[Result]] = {}
    for result in results:
        trial = result.best.trials[0]
        family = facts_in({"optimizer": {TARGET: trial.settings.get(f"optimizer.{TARGET}")}}).family
        if family and result.reported:
            others = frozenset(
                (group, option) for group, option in trial.options.items() if group != "optimizer"
            )
            kin.setdefault((family, result.task, result.horizon, others), []).append(result)
    found = []
    for (family, *_), members in kin.items():
        pairs = [
            (min(abs(gap.low), abs(gap.high)), [one.method, other.method])
            for one, other in itertools.combinations(members, 2)
            if (gap := difference_from(one, other, criterion)).excludes_zero
        ]
        least, methods = max(pairs, default=(0.0, []))
        if least > APART * tolerance:
            found.append((methods, f"methods of the family of {family} are surely {least:.2g} apart"))
    return found


def _repeated(
    result: Result, design: Design, criterion: Criterion, *, n_seeds: int
) -> Mapping[float, list[float]]:
    """The losses of each rate that has a setting with so many seeds or more, of the first such setting."""
    rates = [index for index, dimension in enumerate(design.tuning) if _is_rate(dimension.key)]
    repeated: dict[float, list[float]] = {}
    for setting in result.settings if rates else ():
        rate, losses = setting.values[rates[0]], [criterion.choosing(trial) for trial in setting.trials]
        if isinstance(rate, int | float) and len(losses) >= n_seeds and np.isfinite(losses).all():
            repeated.setdefault(float(rate), losses)
    return repeated


def _p_of_growth(repeated: Mapping[float, list[float]]) -> float:
    """The p of the F test of the variance at the highest rate against that at the lowest; NaN without two."""
    if len(repeated) < 2:
        return math.nan
    low, high = repeated[min(repeated)], repeated[max(repeated)]
    below = float(np.var(low, ddof=1))
    if below == 0:
        return math.nan
    return float(fdtrc(len(high) - 1, len(low) - 1, float(np.var(high, ddof=1)) / below))


def _is_rate(key: str) -> bool:
    return key.rpartition(".")[2] in RATE_NAMES
