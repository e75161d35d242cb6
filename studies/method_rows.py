"""What a study of methods found: a row for each."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import mean

from studies.tuning import FRESH_SEEDS, Tuning, TuningRun
from tuneformer.analysis.statistics.intervals import Estimate, mean_interval, paired_difference
from tuneformer.report import wording


@dataclass(frozen=True, kw_only=True)
class MethodRow:
    """One method: its tuning, and the losses of its best rate on fresh seeds, in nats per token."""

    option: str
    best_rate: float
    best_is_on_edge: bool
    n_rates: int
    n_diverged: int
    tuned_loss: float
    test_losses: tuple[float, ...]

    @property
    def test_mean(self) -> float:
        """Mean over the fresh seeds; infinity where one diverged."""
        return mean(self.test_losses) if self.test_losses else math.inf


def make_rows(tunings: Sequence[Tuning], test_losses: dict[TuningRun, float]) -> list[MethodRow]:
    """A row for each method that has run, the best first."""
    rows = []
    for tuning in tunings:
        if not tuning.rates:
            continue
        rate = tuning.best_rate
        fresh = [test_losses.get(TuningRun(tuning.method.option, rate, seed)) for seed in FRESH_SEEDS]
        rows.append(
            MethodRow(
                option=tuning.method.option,
                best_rate=rate,
                best_is_on_edge=tuning.best_is_on_edge,
                n_rates=len(tuning.rates),
                n_diverged=sum(math.isinf(loss) for loss in tuning.losses.values()),
                tuned_loss=tuning.tuned_loss(rate),
                test_losses=tuple(loss for loss in fresh if loss is not None),
            )
        )
    return sorted(rows, key=lambda row: row.test_mean)


def difference(row: MethodRow, baseline: MethodRow, *, confidence: float = 0.95) -> Estimate | None:
    """Mean over seeds of the paired difference of test losses, with its t interval.

    See `paired_difference`. None without two complete pairs.
    """
    if len(row.test_losses) != len(baseline.test_losses):
        return None
    found = paired_difference(row.test_losses, baseline.test_losses, confidence=confidence)
    return None if math.isnan(found.half_width) else found


def baseline_of(rows: Sequence[MethodRow], option: str) -> MethodRow | None:
    """The row of this option, None where it has not run."""
    return next((row for row in rows if row.option == option), None)


def over_seeds(values: Sequence[float], *, digits: int = 4, unit: str = "") -> tuple[str, str]:
    """The mean with its 95 % interval, or how many diverged, and the standard deviation: a column each."""
    if not values:
        return "-", ""
    if not all(math.isfinite(value) for value in values):
        return f"{sum(not math.isfinite(value) for value in values)} of {len(values)} diverged", ""
    found = mean_interval(values)
    return f"{wording.with_interval(found, digits)}{unit}", wording.deviation(found, digits)


def gap(row: MethodRow, baseline: MethodRow | None) -> str:
    """The difference to the baseline with its 95 % interval, "0" for itself; "" without a baseline."""
    if baseline is None or row is baseline:
        return "" if baseline is None else "0"
    found = difference(row, baseline)
    return "-" if found is None else wording.signed_with_interval(found)
