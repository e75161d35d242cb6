"""A whole comparison: everything that the tables, figures and sentences of a report are made of."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean

from tuneformer.analysis.compare.bands import Band, learning_bands, learning_metrics
from tuneformer.analysis.compare.budget import Spent, ledger
from tuneformer.analysis.compare.caveats import caveats
from tuneformer.analysis.compare.criterion import Criterion, criterion_for
from tuneformer.analysis.compare.design import Design, understand
from tuneformer.analysis.compare.evidence import count_once, with_numbers
from tuneformer.analysis.compare.measures import ComparedMeasure, measure
from tuneformer.analysis.compare.pairs import MethodDifference, compare_pairs
from tuneformer.analysis.compare.rank_stability import RankStability, rank_stability
from tuneformer.analysis.compare.scaling import Scaling, fit_scaling
from tuneformer.analysis.compare.selection import Result, select
from tuneformer.analysis.compare.task_names import task_names
from tuneformer.analysis.compare.time_to_target import TimeToTarget, time_to_target
from tuneformer.analysis.compare.trial import USUAL_BASELINE, Trial, Trials
from tuneformer.analysis.compare.tuning_curves import (
    HeatMap,
    TuningCurve,
    best_of_k_curves,
    heat_maps,
    tuning_curves,
)
from tuneformer.analysis.statistics.profiles import Profile, performance_profiles
from tuneformer.config.suggestions import did_you_mean
from tuneformer.errors import UserError

TOLERANCE = 0.02
"""How far from the best a setting may lie to be in its basin, in the metric, if nothing else is said."""
SHOWN_METHODS = 5


@dataclass(frozen=True, kw_only=True)
class TaskComparison:
    """All methods on one task at one horizon, the best first."""

    task: str
    horizon: float
    results: tuple[Result, ...]
    pairs: tuple[MethodDifference, ...]
    rank_stability: RankStability | None
    best_of_k: dict[str, list[float]]
    measured: tuple[ComparedMeasure, ...]


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """The answer of a sweep. `cells` go by task and horizon; `main` are those of each task's longest runs.

    `targets` has the target of each task, in the choosing metric; `profiles` is empty below two tasks.
    """

    read: Trials
    design: Design
    criterion: Criterion
    baseline: str
    tolerance: float
    names: dict[str, str]
    cells: tuple[TaskComparison, ...]
    targets: dict[str, float]
    reaches: tuple[TimeToTarget, ...]
    scalings: tuple[Scaling, ...]
    profiles: dict[str, Profile]
    spent: tuple[Spent, ...]
    curves: tuple[TuningCurve, ...]
    heat_maps: tuple[HeatMap, ...]
    bands: tuple[Band, ...]
    caveats: tuple[str, ...]

    @property
    def main(self) -> list[TaskComparison]:
        """The cell of each task's longest horizon."""
        longest = {cell.task: cell for cell in self.cells}
        return [*longest.values()]

    @property
    def methods(self) -> list[str]:
        """Every method, in the order of the first main cell."""
        ordered = [result.method for cell in self.main for result in cell.results]
        return [*dict.fromkeys([*ordered, *(each.method for each in self.spent)])]


def compare(
    read: Trials,
    *,
    metric: str,
    by: Sequence[str],
    baseline: str | None,
    target: float | None,
    tolerance: float,
    lower_is_better: bool | None = None,
) -> Comparison:
    """Compares everything that was read, each run that has its number once.

    `lower_is_better` is told by the metric's name where it is None.

    Raises:
        UserError: what `understand` and `count_once` refuse, a metric whose name does not tell which values
            are better, a baseline that is not among the methods, or a target that is no number.
    """
    _check_finite(target=target, tolerance=tolerance)
    criterion = criterion_for(metric, read.trials, lower_is_better=lower_is_better)
    read = with_numbers(read, criterion)
    design = understand(read, by=by)
    read = count_once(read, design, criterion)
    results = select(read.trials, design, criterion)
    names = task_names(read.trials)
    methods = list(dict.fromkeys(result.method for result in results))
    base = _baseline(read.trials, design, baseline)
    cells = _cells(results, criterion)
    if len(methods) > 1 and all(len(cell.results) < 2 for cell in cells):
        raise UserError(
            f"the runs have nothing in common: no two of {', '.join(methods[:SHOWN_METHODS])} were run on the"
            " same data at the same length"
        )
    targets = {task: _target(results, task, base, target, criterion) for task in names}
    reaches = [
        time_to_target(mine, targets[task], criterion)
        for task in names
        for method in methods
        if (mine := [r for r in results if r.task == task and r.method == method])
    ]
    curves = tuning_curves(results, design, criterion, tolerance=tolerance)
    spent = ledger(results)
    return Comparison(
        read=read,
        design=design,
        criterion=criterion,
        baseline=base,
        tolerance=tolerance,
        names=names,
        cells=tuple(cells),
        targets=targets,
        reaches=tuple(reaches),
        scalings=tuple(_scalings(results, names, base, criterion)),
        profiles=_profiles(reaches, names),
        spent=tuple(spent),
        curves=tuple(curves),
        heat_maps=tuple(heat_maps(results, design, criterion)),
        bands=tuple(learning_bands(results, learning_metrics(criterion.choose))),
        caveats=tuple(caveats(read, design, results, curves, spent, criterion, tolerance=tolerance)),
    )


def _baseline(trials: Sequence[Trial], design: Design, given: str | None) -> str:
    """The method as given; else the first AdamW, of several methods that which stands first in order."""
    methods = list(dict.fromkeys(design.method_of(trial) for trial in sorted(trials, key=design.rank_of)))
    if given is None:
        usual = [method for method in methods if method.split(", ")[0].lower() == USUAL_BASELINE]
        return (usual or methods)[0]
    if given not in methods:
        raise UserError(f"--baseline={given} is not among the methods: {did_you_mean(given, methods)}")
    return given


def _cells(results: Sequence[Result], criterion: Criterion) -> list[TaskComparison]:
    grouped: dict[tuple[str, float], list[Result]] = {}
    for result in results:
        grouped.setdefault((result.task, result.horizon), []).append(result)
    return [
        TaskComparison(
            task=task,
            horizon=horizon,
            results=tuple(mine),
            pairs=tuple(compare_pairs(mine, criterion)),
            rank_stability=rank_stability(mine, criterion),
            best_of_k=best_of_k_curves(mine, criterion),
            measured=tuple(measure(mine, criterion)),
        )
        for (task, horizon), mine in grouped.items()
    ]


def _check_finite(**numbers: float | None) -> None:
    for name, number in numbers.items():
        if number is not None and not math.isfinite(number):
            raise UserError(f"--{name}={number} must be a finite number")
    if (width := numbers["tolerance"]) is not None and width < 0:
        raise UserError(f"--tolerance={width} must be 0 or more")


def _target(
    results: Sequence[Result], task: str, baseline: str, given: float | None, criterion: Criterion
) -> float:
    """The target as given, or what the baseline's longest runs end at."""
    if given is not None:
        return given
    mine = [result for result in results if result.task == task and result.method == baseline]
    return fmean(criterion.choosing(trial) for trial in mine[-1].reported) if mine else math.nan


def _scalings(
    results: Sequence[Result], tasks: dict[str, str], baseline: str, criterion: Criterion
) -> list[Scaling]:
    found = (
        fit_scaling([result for result in results if result.task == task], baseline, criterion)
        for task in tasks
    )
    return [scaling for scaling in found if scaling is not None]


def _profiles(reaches: Sequence[TimeToTarget], tasks: dict[str, str]) -> dict[str, Profile]:
    if len(tasks) < 2:
        return {}
    times: dict[str, dict[str, float]] = {}
    for reach in reaches:
        times.setdefault(reach.method, {})[reach.task] = reach.steps
    return performance_profiles(times)
