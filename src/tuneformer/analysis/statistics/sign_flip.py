"""The exact sign-flip test of paired differences."""

import math
from collections.abc import Sequence

import numpy as np

from tuneformer.analysis.statistics.holm import LEVEL

EXACT_UP_TO = 20  # pairs; beyond, signs are drawn instead of counted
DRAWS = 200_000
FEWEST_DRAWS = 20_000
MOST_LOOKUPS = 50_000_000  # about a second: above 2,000 pairs fewer choices are drawn
DRAWN_TOGETHER = 8  # signs of one random byte
ROUNDING = 1e-12


def sign_flip_p(differences: Sequence[float]) -> float:
    """Two-sided p-value of the hypothesis that the differences are symmetric about 0 (Fisher 1935).

    The share of the 2^n choices of signs for which abs(sum of +-d) is at least what was seen; beyond 20
    pairs the share of up to 200,000 drawn choices, the one seen among them. NaN below 6 pairs, where no data
    could reject at 5 %, and where a difference is not finite; 1 where all are 0.
    """
    d = np.array(differences, dtype=float)
    if len(d) < fewest_pairs(1) or not np.isfinite(d).all():
        return math.nan
    if not d.any():
        return 1.0
    d /= np.abs(d).max()  # whatever their size, sums neither overflow nor vanish
    seen = abs(d.sum()) - ROUNDING * np.abs(d).sum()
    if len(d) <= EXACT_UP_TO:
        return float(np.mean(np.abs(_all_signed_sums(d)) >= seen))
    drawn = np.abs(_drawn_signed_sums(d))
    return float((1 + np.sum(drawn >= seen)) / (1 + len(drawn)))


def fewest_pairs(n_tests: int) -> int:
    """The fewest pairs with which the test can reject at 5 % when `n_tests` are corrected by Holm's method.

    Of n differences the smallest p-value is 2 / 2^n (all of one sign); Holm multiplies the smallest of m by
    m. So n is the smallest with m 2^(1 - n) <= 0.05: 6 for one test, 8 for six, 10 for fifteen.
    """
    n = 1
    while max(n_tests, 1) * 2.0 ** (1 - n) > LEVEL:
        n += 1
    return n


def _all_signed_sums(d: np.ndarray) -> np.ndarray:
    sums = np.zeros(1)
    for each in d:
        sums = np.concatenate([sums + each, sums - each])
    return sums


def _drawn_signed_sums(d: np.ndarray) -> np.ndarray:
    """Sums of drawn choices of signs, the same for the same differences; memory does not grow with them.

    A random byte chooses the signs of eight differences: it is looked up among their 256 sums.
    """
    draw = np.random.default_rng(0)
    n_lookups = math.ceil(len(d) / DRAWN_TOGETHER)
    sums = np.zeros(max(FEWEST_DRAWS, min(DRAWS, MOST_LOOKUPS // n_lookups)))
    for start in range(0, len(d), DRAWN_TOGETHER):
        table = _all_signed_sums(d[start : start + DRAWN_TOGETHER])
        chosen = np.frombuffer(draw.bytes(len(sums)), dtype=np.uint8)
        sums += table.take(chosen & np.uint8(len(table) - 1))  # 2, 4, ... or 256 of them
    return sums
