"""Whether the order of methods in the middle of a run is that of its end."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from tuneformer.analysis.compare.criterion import Criterion
from tuneformer.analysis.compare.selection import Result
from tuneformer.analysis.compare.trial import Trial


@dataclass(frozen=True, kw_only=True)
class RankStability:
    """The order of methods at half of the steps and at the end, best first, and Kendall's tau-b of the two.

    What diverged counts as infinite and ties with what else did; NaN where nothing can be ordered.
    """

    task: str
    horizon: float
    middle: tuple[str, ...]
    end: tuple[str, ...]
    tau: float


def rank_stability(results: Sequence[Result], criterion: Criterion) -> RankStability | None:
    """The results of one task at one horizon; None below two methods that logged by half time.

    Both are read by the choosing metric: the middle at the last evaluation by half of the steps.
    """
    read = {r.method: (_mean(r, criterion, 0.5), _mean(r, criterion, 1.0)) for r in results}
    read = {method: costs for method, costs in read.items() if not any(math.isnan(c) for c in costs)}
    if len(read) < 2:
        return None
    from scipy.stats import kendalltau  # heavy: a second that only several methods pay

    middle, end = ([costs[place] for costs in read.values()] for place in (0, 1))
    return RankStability(
        task=results[0].task,
        horizon=results[0].horizon,
        middle=tuple(sorted(read, key=lambda method: read[method][0])),
        end=tuple(sorted(read, key=lambda method: read[method][1])),
        tau=float(np.asarray(kendalltau(middle, end))[0]),
    )


def _mean(result: Result, criterion: Criterion, share: float) -> float:
    costs = [_cost_at(trial, criterion, share * result.horizon) for trial in result.reported]
    return float(np.mean(costs)) if costs else math.nan


def _cost_at(trial: Trial, criterion: Criterion, step: float) -> float:
    if step >= trial.horizon:
        return criterion.cost(criterion.choosing(trial))
    nothing = math.nan if trial.lived else math.inf
    values, steps = trial.curves.get(criterion.choose), trial.curves.get("step")
    if values is None or steps is None:
        return nothing
    before = np.flatnonzero((steps <= step) & ~np.isnan(values))
    if not len(before):
        return nothing
    return criterion.cost(float(values[before[-1]]))
