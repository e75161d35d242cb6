"""What a table itself shows of a setting that is unfair to some method: uneven basins, spread that grows."""

import math
from collections.abc import Sequence

import numpy as np
from scipy.special import fdtrc

from tuneformer.analysis.compare.budget import Spent
from tuneformer.analysis.compare.criterion import Criterion
from tuneformer.analysis.compare.design import Design
from tuneformer.analysis.compare.selection import Result
from tuneformer.analysis.compare.trial import GRID
from tuneformer.analysis.compare.tuning_curves import ALL_METHODS, RATE_NAMES, TuningCurve

FEWEST_VALUES, FEWEST_SEEDS = 4, 3
LEVEL = 0.01
REMEDY = "the setting may hold these methods back: try another initialization, a longer warmup, other betas"


def unfair_signs(
    results: Sequence[Result],
    curves: Sequence[TuningCurve],
    spent: Sequence[Spent],
    design: Design,
    criterion: Criterion,
) -> list[tuple[list[str], str]]:
    """The methods that show a sign, and what it is."""
    listed = {each.method for each in spent if each.samplers == (GRID,)}
    uneven = [each.method for each in curves if each.method in listed and is_uneven(each, criterion)]
    spreading = [result.method for result in results if spread_grows(result, design, criterion)]
    signs = (
        (uneven, "the loss over the learning rate falls, rises and falls again"),
        (spreading, "the spread over seeds grows with the learning rate"),
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
    rates = [index for index, dimension in enumerate(design.tuning) if _is_rate(dimension.key)]
    if not rates:
        return False
    repeated: dict[float, list[float]] = {}
    for setting in result.settings:
        rate, losses = setting.values[rates[0]], [criterion.choosing(trial) for trial in setting.trials]
        if isinstance(rate, int | float) and len(losses) >= FEWEST_SEEDS and np.isfinite(losses).all():
            repeated.setdefault(float(rate), losses)
    if len(repeated) < 2:
        return False
    low, high = repeated[min(repeated)], repeated[max(repeated)]
    below = float(np.var(low, ddof=1))
    if below == 0:
        return False
    ratio = float(np.var(high, ddof=1)) / below
    return float(fdtrc(len(high) - 1, len(low) - 1, ratio)) < LEVEL


def _is_rate(key: str) -> bool:
    return key.rpartition(".")[2] in RATE_NAMES
