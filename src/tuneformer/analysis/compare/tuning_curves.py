"""How each method's metric depends on what was tuned: curves, basins, heat maps, best of k."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeGuard

from tuneformer.analysis.compare.criterion import Criterion
from tuneformer.analysis.compare.design import Design
from tuneformer.analysis.compare.dimensions import Dimension
from tuneformer.analysis.compare.selection import Result
from tuneformer.analysis.compare.trial import MISSING, Trial
from tuneformer.analysis.statistics.best_of_k import best_of_k
from tuneformer.analysis.statistics.sensitivity import Basin, basin, lr_sensitivity
from tuneformer.config.described import limits_of
from tuneformer.runs.trial_roles import EXPLORE, SAMPLERS

RATE_NAMES = ("lr", "learning_rate")
ALL_METHODS = "all methods"  # whose curve it is, where each value is a method


@dataclass(frozen=True, kw_only=True)
class TuningCurve:
    """A method's best score at each value of one setting, over whatever else was tuned.

    `unnamed` is the best score of runs that do not name the setting (a table's baseline), NaN without any;
    `basin` is None where that is the best. `within` are the values within the tolerance of the best score.
    `sensitivity` is that of a learning rate (2309.14322), NaN for any other setting.
    """

    method: str
    task: str
    horizon: float
    key: str
    values: tuple[float, ...]
    scores: tuple[float, ...]
    unnamed: float
    basin: Basin | None
    within: tuple[float, ...]
    sensitivity: float

    @property
    def edge(self) -> str:
        """The "lowest" or "highest" value tried, where the best is that and may lie beyond; else empty."""
        if self.basin is None or not self.basin.best_is_on_edge:
            return ""
        low, high = limits_of(self.key)
        if self.basin.best == max(self.values):
            return "highest" if self.basin.best < high else ""
        return "lowest" if self.basin.best > low else ""


@dataclass(frozen=True, kw_only=True)
class HeatMap:
    """A method's best score over two settings: `scores[i][j]` at `ys[i]`, `xs[j]`; NaN where not tried."""

    method: str
    task: str
    horizon: float
    x_key: str
    y_key: str
    xs: tuple[float, ...]
    ys: tuple[float, ...]
    scores: tuple[tuple[float, ...], ...]


def tuning_curves(
    results: Sequence[Result], design: Design, criterion: Criterion, *, tolerance: float
) -> list[TuningCurve]:
    """One for each method and each setting of which it tried two numbers or more.

    Where the methods are the values of one number, there is a curve over them too.
    """
    initial = _untrained_losses(results, criterion)
    curves = []
    for result in results:
        for index, dimension in enumerate(design.tuning):
            best = _best_by(result, criterion, index)
            loss = math.nan if result.n_pruned else initial[result.task]
            curves.append(_curve(result.method, result, dimension, best, loss, criterion, tolerance))
    compared = design.compared_number
    if compared is not None:
        for mine in _by_place(results):
            best = {compared.value(result.reported[0]): result.best.score for result in mine}
            loss = math.nan if any(result.n_pruned for result in mine) else initial[mine[0].task]
            curves.append(_curve(ALL_METHODS, mine[0], compared, best, loss, criterion, tolerance))
    return [curve for curve in curves if curve is not None]


def _curve(
    method: str,
    place: Result,
    dimension: Dimension,
    scores_of: dict[object, float],
    initial_loss: float,
    criterion: Criterion,
    tolerance: float,
) -> TuningCurve | None:
    """The curve over the numbers of `scores_of`, on the task and at the horizon of `place`."""
    values = sorted(float(value) for value in scores_of if _is_number(value))
    if len(values) < 2:
        return None
    unnamed = criterion.cost(scores_of.get(MISSING, math.nan))
    scores = [scores_of[value] for value in values]
    costs = [criterion.cost(score) for score in scores]
    found = basin(values, costs, tolerance=tolerance)
    if found is not None and unnamed < found.best_loss:
        found = None
    limit = min(unnamed, *costs) + tolerance
    return TuningCurve(
        method=method,
        task=place.task,
        horizon=place.horizon,
        key=dimension.key,
        values=tuple(values),
        scores=tuple(scores),
        unnamed=best_unnamed(unnamed, criterion),
        basin=found,
        within=tuple(v for v, cost in zip(values, costs, strict=True) if cost <= limit < math.inf),
        sensitivity=_sensitivity(dimension, values, scores, initial_loss, criterion),
    )


def _by_place(results: Sequence[Result]) -> list[list[Result]]:
    places: dict[tuple[str, float], list[Result]] = {}
    for result in results:
        places.setdefault((result.task, result.horizon), []).append(result)
    return [*places.values()]


def heat_maps(results: Sequence[Result], design: Design, criterion: Criterion) -> list[HeatMap]:
    """One for each method and each two settings that it tuned together."""
    maps = []
    for result in results:
        tuned = [
            index
            for index in range(len(design.tuning))
            if len({s.values[index] for s in result.settings if _is_number(s.values[index])}) > 1
        ]
        for place, y in enumerate(tuned):
            for x in tuned[:place]:
                found = _heat_map(result, design, criterion, x, y)
                if found is not None:
                    maps.append(found)
    return maps


def best_of_k_curves(results: Sequence[Result], criterion: Criterion) -> dict[str, list[float]]:
    """By method: the expected best score of k trials, in its own sign; only of random trials, none pruned."""
    curves = {}
    for result in results:
        drawn = [setting for setting in result.settings if any(map(_at_random, setting.trials))]
        whole = all(trial.role or _at_random(trial) for trial in result.trials)
        if whole and len(drawn) > 1 and not result.n_pruned:
            costs = best_of_k([criterion.cost(setting.score) for setting in drawn])
            curves[result.method] = [cost if criterion.lower_is_better else -cost for cost in costs]
    return curves


def _at_random(trial: Trial) -> bool:
    return SAMPLERS.get(trial.sampler, False) or trial.role == EXPLORE


def best_unnamed(cost: float, criterion: Criterion) -> float:
    """A cost back in the metric's sign; NaN where there is none."""
    return math.nan if math.isinf(cost) else cost if criterion.lower_is_better else -cost


def _best_by(result: Result, criterion: Criterion, *places: int) -> dict[object, float]:
    best: dict[object, float] = {}
    for setting in result.settings:  # the best comes first
        values = tuple(setting.values[place] for place in places)
        best.setdefault(values[0] if len(places) == 1 else values, setting.score)
    return best


def _heat_map(result: Result, design: Design, criterion: Criterion, x: int, y: int) -> HeatMap | None:
    best = {
        pair: score
        for pair, score in _best_by(result, criterion, x, y).items()
        if isinstance(pair, tuple) and all(_is_number(value) for value in pair)
    }
    xs, ys = (sorted({pair[place] for pair in best}) for place in (0, 1))
    if len(xs) < 2 or len(ys) < 2:
        return None
    return HeatMap(
        method=result.method,
        task=result.task,
        horizon=result.horizon,
        x_key=design.tuning[x].key,
        y_key=design.tuning[y].key,
        xs=tuple(xs),
        ys=tuple(ys),
        scores=tuple(tuple(best.get((a, b), math.nan) for a in xs) for b in ys),
    )


def _sensitivity(
    dimension: Dimension,
    values: Sequence[float],
    scores: Sequence[float],
    initial: float,
    criterion: Criterion,
) -> float:
    is_rate = dimension.key.rpartition(".")[2] in RATE_NAMES
    if math.isnan(initial) or not is_rate or not criterion.lower_is_better or min(values) <= 0:
        return math.nan
    return lr_sensitivity(values, scores, initial_loss=initial)


def _untrained_losses(results: Sequence[Result], criterion: Criterion) -> dict[str, float]:
    """By task: the highest first training loss of any run; without curves the worst loss of any."""
    highest: dict[str, float] = {}
    for result in results:
        for trial in result.trials:
            for loss in (_first_loss(trial), criterion.choosing(trial)):
                if math.isfinite(loss):
                    highest[result.task] = max(highest.get(result.task, -math.inf), loss)
    return {result.task: highest.get(result.task, math.nan) for result in results}


def _first_loss(trial: Trial) -> float:
    losses = trial.curves.get("train/loss")
    return float(losses[0]) if losses is not None and len(losses) else math.nan


def _is_number(value: object) -> TypeGuard[float]:
    return isinstance(value, int | float) and not isinstance(value, bool)
