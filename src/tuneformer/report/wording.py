"""Numbers as people read them."""

import math

from tuneformer.analysis.statistics.estimate import Estimate

NOTHING = "–"  # noqa: RUF001 - a dash for what is not known
MANY = 1000
SMALLEST_P = 1e-16  # what stands below it says nothing more
INTERVAL = "± 95 %"  # what stands behind ±, everywhere: half of an interval
LOW, HIGH = "95 % low", "95 % high"
UNITS = ((1 << 30, "GiB"), (1 << 20, "MiB"), (1 << 10, "KiB"), (1, "B"))


def value(number: float, digits: int = 4) -> str:
    """A loss or another metric."""
    if math.isnan(number):
        return NOTHING
    if math.isinf(number):
        return "diverged"
    return _plain(number, digits)


def signed(number: float, digits: int = 4) -> str:
    """A difference."""
    return f"{'' if number < 0 else '+'}{_plain(number, digits)}" if math.isfinite(number) else NOTHING


def measured(number: float) -> str:
    """A measure, whatever its size."""
    return f"{number:.4g}" if math.isfinite(number) else NOTHING


def count(number: float) -> str:
    """Steps, tokens, runs."""
    if not math.isfinite(number):
        return NOTHING
    return f"{number:,.0f}" if number >= MANY or float(number).is_integer() else f"{number:,.4g}"


def rate(per_second: float) -> str:
    """Tokens a second, without decimals."""
    return count(round(per_second)) if math.isfinite(per_second) else NOTHING


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


def with_interval(estimate: Estimate, digits: int = 4) -> str:
    """A mean with its 95 % interval: "2.0200 ± 0.0248", or both ends where they are not equally far."""
    mean = value(estimate.mean, digits)
    return mean if math.isnan(estimate.half_width) else f"{mean} {_reach(estimate, digits)}"


def signed_with_interval(difference: Estimate, digits: int = 4) -> str:
    """A difference with its 95 % interval."""
    mean = signed(difference.mean, digits)
    return mean if math.isnan(difference.half_width) else f"{mean} {_reach(difference, digits)}"


def deviation(estimate: Estimate, digits: int = 4) -> str:
    """The standard deviation over seeds, empty where there is none."""
    return _plain(estimate.deviation, digits) if math.isfinite(estimate.deviation) else ""


def _reach(estimate: Estimate, digits: int) -> str:
    if estimate.is_symmetric:
        return f"± {_plain(estimate.half_width, digits)}"
    return f"({span(estimate, digits)})"


def span(estimate: Estimate, digits: int = 4) -> str:
    """The two ends of an interval."""
    if not math.isfinite(estimate.low):
        return NOTHING
    return f"{_plain(estimate.low, digits)} to {_plain(estimate.high, digits)}"


def p_value(p: float) -> str:
    """A p-value."""
    if math.isnan(p):
        return NOTHING
    if p < SMALLEST_P:
        return f"< {SMALLEST_P:g}"
    return f"{p:.3f}" if p >= 0.001 else f"{p:.1e}"


def _plain(number: float, digits: int) -> str:
    """So many decimals; three figures of a number that would have next to none of them."""
    number += 0.0  # -0.0 is 0
    return f"{number:.3g}" if 0 < abs(number) < 10 ** (1 - digits) else f"{number:.{digits}f}"
