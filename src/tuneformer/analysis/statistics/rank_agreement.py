"""Whether the order of methods halfway is their order at the end."""

import math
from collections.abc import Sequence


def kendall_tau(first: Sequence[float], second: Sequence[float]) -> float:
    """Kendall's tau-b of two lists of values of the same things: 1 for the same order, -1 for the reverse.

    (concordant - discordant) / sqrt((pairs - ties in first) (pairs - ties in second)). What diverged counts
    as infinite and ties with what else did; a pair with NaN is left out. NaN where nothing can be ordered.
    """
    values = [(a, b) for a, b in zip(first, second, strict=True) if not (math.isnan(a) or math.isnan(b))]
    agreement = pairs_first = pairs_second = 0
    for index, (a, b) in enumerate(values):
        for c, d in values[:index]:
            x, y = _order(a, c), _order(b, d)
            agreement += x * y
            pairs_first += abs(x)
            pairs_second += abs(y)
    if not pairs_first or not pairs_second:
        return math.nan
    return agreement / math.sqrt(pairs_first * pairs_second)


def _order(a: float, b: float) -> int:
    return int(a > b) - int(a < b)
