"""Numbers as people read them."""

import math

from tuneformer.analysis.statistics.intervals import Estimate

NOTHING = "–"  # noqa: RUF001 - a dash for what is not known
MANY = 1000
UNITS = ((1 << 30, "GiB"), (1 << 20, "MiB"), (1 << 10, "KiB"), (1, "B"))


def value(number: float, digits: int = 4) -> str:
    """A loss or another metric."""
    if math.isnan(number):
        return NOTHING
    if math.isinf(number):
        return "diverged"
    return f"{number:.{digits}f}"


def signed(number: float, digits: int = 4) -> str:
    """A difference."""
    return f"{number:+.{digits}f}" if math.isfinite(number) else NOTHING


def measured(number: float) -> str:
    """A measure, whatever its size."""
    return f"{number:.4g}" if math.isfinite(number) else NOTHING


def count(number: float) -> str:
    """Steps, tokens, runs."""
    if not math.isfinite(number):
        return NOTHING
    return f"{number:,.0f}" if number >= MANY or float(number).is_integer() else f"{number:,.4g}"


def duration(seconds: float) -> str:
    """Seconds in the unit that fits."""
    if not math.isfinite(seconds):
        return NOTHING
    if seconds < 100:
        return f"{seconds:.3g} s"
    if seconds < 6000:
        return f"{seconds / 60:.3g} min"
    return f"{seconds / 3600:,.1f} h"


def size(n_bytes: float) -> str:
    """Bytes in the unit that fits."""
    if not math.isfinite(n_bytes):
        return NOTHING
    factor, unit = next((f, u) for f, u in UNITS if n_bytes >= f or f == 1)
    return f"{n_bytes / factor:.3g} {unit}"


def percent(share: float) -> str:
    """A share."""
    return f"{100 * share:.0f} %" if math.isfinite(share) else NOTHING


def mean_and_spread(estimate: Estimate) -> str:
    """A mean and its standard deviation."""
    if not math.isfinite(estimate.deviation):
        return value(estimate.mean)
    return f"{value(estimate.mean)} ± {estimate.deviation:.4f}"


def span(estimate: Estimate, digits: int = 4) -> str:
    """The two ends of an interval."""
    if not math.isfinite(estimate.low):
        return NOTHING
    return f"{estimate.low:.{digits}f} to {estimate.high:.{digits}f}"


def p_value(p: float) -> str:
    """A p-value."""
    if math.isnan(p):
        return NOTHING
    return f"{p:.3f}" if p >= 0.001 else f"{p:.1e}"
