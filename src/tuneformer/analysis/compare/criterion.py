"""By which metric settings are chosen, and by which they are reported."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from tuneformer.analysis.compare.metric_direction import direction_of
from tuneformer.analysis.compare.trial import Trial
from tuneformer.errors import UserError

CHOOSING, REPORTING = "val/", "test/"


@dataclass(frozen=True, kw_only=True)
class Criterion:
    """`choose` is read on validation; `report` on test, where the runs have it.

    `lower_is_better`: whether a lower value of both is the better one.
    """

    choose: str
    report: str

    lower_is_better: bool

    @property
    def names(self) -> tuple[str, ...]:
        """The metrics that a run must have, each once."""
        return tuple(dict.fromkeys((self.choose, self.report)))

    def cost(self, value: float) -> float:
        """The value with its sign so that lower is better; infinite for NaN and for a run that diverged."""
        if not math.isfinite(value):
            return math.inf
        return value if self.lower_is_better else -value

    def choosing(self, trial: Trial) -> float:
        """A run's value for choosing, infinite if it did not come to its end."""
        return trial.value(self.choose)

    def reporting(self, trial: Trial) -> float:
        """A run's value for reporting, infinite if it did not come to its end."""
        return trial.value(self.report)


def criterion_for(metric: str, trials: Sequence[Trial], *, lower_is_better: bool | None = None) -> Criterion:
    """Chosen on val/<name> and reported on test/<name>, if the metric is one of the two and most have both.

    `lower_is_better` is told by the metric's name where it is None.

    Raises:
        UserError: the name does not tell.
    """
    if lower_is_better is None:
        lower_is_better = is_lower_better(metric)
    name = metric.removeprefix(CHOOSING).removeprefix(REPORTING)
    pair = (f"{CHOOSING}{name}", f"{REPORTING}{name}")
    lived = [trial for trial in trials if trial.lived]
    with_both = sum(not any(math.isnan(trial.value(each)) for each in pair) for trial in lived)
    if metric not in pair or 2 * with_both <= len(lived):
        pair = (metric, metric)
    return Criterion(choose=pair[0], report=pair[1], lower_is_better=lower_is_better)


def is_lower_better(metric: str) -> bool:
    """Whether a lower value of a metric is the better one, as its name tells.

    Raises:
        UserError: the name does not tell.
    """
    higher = direction_of(metric)
    if higher is None:
        raise UserError(
            f"--metric={metric}: its name does not tell which values are better: add --higher-is-better or"
            " --lower-is-better"
        )
    return not higher
