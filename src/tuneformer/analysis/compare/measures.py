"""What else the runs of a method have in common: measures of attention and of training beside the loss."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase

from tuneformer.analysis.compare.criterion import Criterion
from tuneformer.analysis.compare.selection import Result
from tuneformer.analysis.statistics.estimate import Estimate
from tuneformer.analysis.statistics.intervals import mean_interval
from tuneformer.analysis.statistics.rank_correlation import RankCorrelation, rank_correlation
from tuneformer.measures.measure import Measure
from tuneformer.measures.registry import all_measures


@dataclass(frozen=True, kw_only=True)
class ComparedMeasure:
    """One measure on one task at one horizon.

    Attributes:
        estimates: of each method that has it, over the runs whose loss is reported.
        with_loss: over all runs that came to their end, whatever their method and setting; positive where
            more of it goes with a worse result.
    """

    task: str
    horizon: float
    name: str
    estimates: Mapping[str, Estimate]
    with_loss: RankCorrelation


def measure(results: Sequence[Result], criterion: Criterion) -> list[ComparedMeasure]:
    """Every measure that runs of these results logged; of one task at one horizon."""
    found = []
    for measured in all_measures():
        if measured.together is None:
            continue
        estimates = {}
        for result in results:
            values = [
                x for trial in result.reported if not math.isnan(x := value_of(measured, trial.metrics))
            ]
            if values:
                estimates[result.method] = mean_interval(values)
        if not estimates:
            continue
        ended = [trial for result in results for trial in result.trials if trial.lived]
        pairs = [
            (value_of(measured, trial.metrics), criterion.cost(criterion.choosing(trial))) for trial in ended
        ]
        known = [(x, y) for x, y in pairs if math.isfinite(x) and math.isfinite(y)]
        with_loss = rank_correlation([x for x, _ in known], [y for _, y in known])
        found.append(
            ComparedMeasure(
                task=results[0].task,
                horizon=results[0].horizon,
                name=measured.compared_as,
                estimates=estimates,
                with_loss=with_loss,
            )
        )
    return found


def value_of(measured: Measure, metrics: Mapping[str, float]) -> float:
    """A measure of one run; NaN where it was not logged."""
    assert measured.together is not None
    columns = [key for key in metrics if fnmatchcase(key, measured.columns)]
    values = [metrics[key] for key in columns if not math.isnan(metrics[key])]
    return measured.together.one_of(values) if values else math.nan
