"""Holm's correction of many tests at once."""

import math
from collections.abc import Sequence

LEVEL = 0.05  # the chance of any false claim that is allowed


def holm(p_values: Sequence[float]) -> list[float]:
    """P-values adjusted so that the chance of any false rejection is at most the level (Holm 1979).

    The i-th smallest of m is multiplied by m - i + 1, and never falls below the one before it. NaN (no
    test was possible) stays NaN, and does not count among the m.
    """
    known = [index for index, p in enumerate(p_values) if not math.isnan(p)]
    adjusted = [math.nan] * len(p_values)
    largest = 0.0
    for rank, index in enumerate(sorted(known, key=lambda index: p_values[index])):
        largest = max(largest, min(1.0, p_values[index] * (len(known) - rank)))
        adjusted[index] = largest
    return adjusted
