"""What seeds came to, as two columns of a table."""

import math
from collections.abc import Sequence

from tuneformer.analysis.statistics.intervals import mean_interval
from tuneformer.report import wording


def over_seeds(values: Sequence[float], *, digits: int = 4, unit: str = "") -> tuple[str, str]:
    """The mean with its 95 % interval, or how many diverged, and the standard deviation: a column each."""
    if not values:
        return "-", ""
    if not all(math.isfinite(value) for value in values):
        return f"{sum(not math.isfinite(value) for value in values)} of {len(values)} diverged", ""
    found = mean_interval(values)
    return f"{wording.with_interval(found, digits)}{unit}", wording.deviation(found, digits)
