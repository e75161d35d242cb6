"""What else the runs of a method have in common: measures of attention and of training beside the loss."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from statistics import fmean

from tuneformer.analysis.criterion import Criterion
from tuneformer.analysis.selection import Result
from tuneformer.analysis.statistics.intervals import Estimate, mean_interval
from tuneformer.analysis.statistics.rank_correlation import RankCorrelation, rank_correlation

# name -> the columns that it is made of, and how: their last values in a run become one number
MEASURES: Mapping[str, tuple[str, Callable[[Sequence[float]], float]]] = {
    "entropy, mean of heads": ("attention/*/entropy", fmean),
    "largest logit": ("attention/*/largest_logit", max),
    "sink rate, mean of heads": ("attention/*/sink_rate", fmean),
    "distance, mean of heads": ("attention/*/mean_distance", fmean),
    "previous token, best head": ("attention/*/previous_token", max),
    "prefix matching, best head": ("attention/*/prefix_matching", max),
    "importance, mean of heads": ("attention/*/importance", fmean),
    "rank collapse, least of layers": ("residual/*/rank_collapse", min),
    "residual norm, largest of layers": ("residual/*/norm", max),
    "kurtosis, largest of layers": ("residual/*/kurtosis", max),
    "dead units, worst layer": ("units/*/dead", max),
    "weight norm": ("weight_norm/*", lambda norms: math.hypot(*norms)),
    "stable rank, mean of parts": ("stable_rank/*", fmean),
    "gradient norm": ("grad_norm", max),
    "sharpness": ("curvature/sharpness", max),
    "Adam sharpness": ("curvature/adam_sharpness", max),
    "gradient noise scale": ("gradient_noise/examples", max),
}


@dataclass(frozen=True, kw_only=True)
class Measured:
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


def measure(results: Sequence[Result], criterion: Criterion) -> list[Measured]:
    """Every measure that runs of these results logged; of one task at one horizon."""
    found = []
    for name in MEASURES:
        estimates = {}
        for result in results:
            values = [x for trial in result.reported if not math.isnan(x := value_of(name, trial.metrics))]
            if values:
                estimates[result.method] = mean_interval(values)
        if not estimates:
            continue
        ended = [trial for result in results for trial in result.trials if trial.lived]
        pairs = [
            (value_of(name, trial.metrics), criterion.cost(criterion.choosing(trial))) for trial in ended
        ]
        known = [(x, y) for x, y in pairs if math.isfinite(x) and math.isfinite(y)]
        with_loss = rank_correlation([x for x, _ in known], [y for _, y in known])
        found.append(
            Measured(
                task=results[0].task,
                horizon=results[0].horizon,
                name=name,
                estimates=estimates,
                with_loss=with_loss,
            )
        )
    return found


def value_of(name: str, metrics: Mapping[str, float]) -> float:
    """A measure of one run; NaN where it was not logged."""
    pattern, together = MEASURES[name]
    values = [value for key, value in metrics.items() if fnmatchcase(key, pattern) and not math.isnan(value)]
    return together(values) if values else math.nan
