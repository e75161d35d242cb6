"""By which metric settings are chosen, and by which they are reported."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from tuneformer.analysis.trial import Trial
from tuneformer.tasks.catalogue import higher_is_better

CHOOSING, REPORTING = "val/", "test/"


@dataclass(frozen=True, kw_only=True)
class Criterion:
    """`choose` is read on validation; `report` on test, where the runs have it."""

    choose: str
    report: str

    @property
    def lower_is_better(self) -> bool:
        """Whether a lower value is the better one."""
        return not higher_is_better(self.choose)

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


def criterion_for(metric: str, trials: Sequence[Trial]) -> Criterion:
    """Chosen on val/<name> and reported on test/<name>, if the metric is one of the two and all have both."""
    name = metric.removeprefix(CHOOSING).removeprefix(REPORTING)
    pair = (f"{CHOOSING}{name}", f"{REPORTING}{name}")
    lived = [trial for trial in trials if trial.lived]
    if metric in pair and all(each in trial.metrics for trial in lived for each in pair):
        return Criterion(choose=pair[0], report=pair[1])
    return Criterion(choose=metric, report=metric)
