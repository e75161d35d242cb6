"""The exact sign-flip test of paired differences, and Holm's correction over many of them."""

import math
from collections.abc import Sequence

import numpy as np

FEWEST_PAIRS = 6  # with five, the smallest p-value is 2 / 32 = 0.0625: nothing could be rejected at 5 %
EXACT_UP_TO = 20  # pairs; beyond, signs are drawn instead of counted
DRAWS = 200_000
ROUNDING = 1e-12


def sign_flip_p(differences: Sequence[float]) -> float:
    """Two-sided p-value of the hypothesis that the differences are symmetric about 0 (Fisher 1935).

    The share of the 2^n choices of signs for which abs(sum of +-d) is at least what was seen. NaN below 6
    pairs and where a difference is not finite; 1 where all are 0.
    """
    d = np.asarray(differences, dtype=float)
    if len(d) < FEWEST_PAIRS or not np.isfinite(d).all():
        return math.nan
    seen = abs(d.sum()) - ROUNDING * max(1.0, float(np.abs(d).sum()))
    if len(d) <= EXACT_UP_TO:
        return float(np.mean(np.abs(_all_signed_sums(d)) >= seen))
    drawn = np.random.default_rng(0).choice([-1.0, 1.0], size=(DRAWS, len(d)))
    return float((1 + np.sum(np.abs(drawn @ d) >= seen)) / (1 + DRAWS))


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


def _all_signed_sums(d: np.ndarray) -> np.ndarray:
    sums = np.zeros(1)
    for each in d:
        sums = np.concatenate([sums + each, sums - each])
    return sums
