"""How many steps and seconds a method takes to a target."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean

import numpy as np

from tuneformer.analysis.compare.criterion import Criterion
from tuneformer.analysis.compare.selection import Result

ENDS, AT_MOST, MID_SCHEDULE, NOT_REACHED = "ends of runs", "at most", "mid-schedule", "not reached"


@dataclass(frozen=True, kw_only=True)
class TimeToTarget:
    """Steps and seconds to the target; infinite where it was not reached.

    `kind`: from the "ends of runs" at several horizons; "at most", where the shortest run ends beyond the
    target; "mid-schedule", where it was read inside one schedule, whose rate had not yet come down: such a
    figure depends on the schedule's length, and is no part of a summary.
    """

    method: str
    task: str
    steps: float
    seconds: float
    kind: str


def time_to_target(results: Sequence[Result], target: float, criterion: Criterion) -> TimeToTarget:
    """The cost of the target for one method on one task, from its results at every horizon.

    Between the ends of two runs that it lies between, the logarithms of steps and seconds are linear in
    the metric.
    """
    ordered = sorted(results, key=lambda result: result.horizon)
    if not math.isfinite(target):  # the baseline that would have given it diverged
        steps, seconds, kind = math.inf, math.inf, NOT_REACHED
    elif len(ordered) > 1:
        steps, seconds, kind = _from_ends(ordered, target, criterion)
    else:
        steps, seconds, kind = _inside(ordered[0], target, criterion)
    first = ordered[0]
    return TimeToTarget(method=first.method, task=first.task, steps=steps, seconds=seconds, kind=kind)


def _from_ends(ordered: Sequence[Result], target: float, criterion: Criterion) -> tuple[float, float, str]:
    wanted = criterion.cost(target)
    before: tuple[float, float, float] | None = None
    for result in ordered:
        cost = fmean(criterion.cost(criterion.choosing(trial)) for trial in result.reported)
        seconds = fmean(trial.number("train_seconds") for trial in result.reported)
        if cost <= wanted:
            if before is None or cost == wanted:
                return result.horizon, seconds, ENDS if cost == wanted else AT_MOST
            share = (before[0] - wanted) / (before[0] - cost) if math.isfinite(before[0]) else 1.0
            return (
                _between(before[1], result.horizon, share),
                _between(before[2], seconds, share),
                ENDS,
            )
        before = (cost, result.horizon, seconds)
    return math.inf, math.inf, NOT_REACHED


def _inside(result: Result, target: float, criterion: Criterion) -> tuple[float, float, str]:
    reached = []
    for trial in result.reported:
        values = trial.curves.get(criterion.choose)
        if values is None or not trial.lived:
            return _from_ends([result], target, criterion)
        sign = 1 if criterion.lower_is_better else -1
        with np.errstate(invalid="ignore"):
            rows = np.flatnonzero(sign * values <= sign * target)
        if not len(rows):  # one seed may end short of what their mean reaches
            return _from_ends([result], target, criterion)
        seconds = trial.curves.get("seconds", np.full(len(values), math.nan))
        reached.append((float(trial.curves["step"][rows[0]]), float(seconds[rows[0]])))
    steps, seconds = (fmean(column) for column in zip(*reached, strict=True))
    at_end = all(step >= result.horizon for step, _ in reached)
    return steps, seconds, ENDS if at_end else MID_SCHEDULE


def _between(low: float, high: float, share: float) -> float:
    if not (low > 0 and high > 0):
        return math.nan
    return math.exp((1 - share) * math.log(low) + share * math.log(high))
