"""How many seeds a difference would take to be shown."""

import math

import numpy as np
from scipy import stats

from tuneformer.analysis.statistics.sign_flip import FEWEST_PAIRS

POWER = 0.8
MOST = 1000
QUANTILES = 2000


def power_of_t_test(difference: float, deviation: float, n: int, *, level: float = 0.05) -> float:
    """The chance that the two-sided t test of `n` paired differences rejects, if they are normal.

    P(abs(Z + c) > q s) with q = t(1 - level / 2, n - 1), c = difference sqrt(n) / deviation, and s^2 a
    chi-squared over its n - 1 degrees, averaged over its quantiles: SciPy's noncentral t fails at some n.
    """
    quantile = float(stats.t.ppf(1 - level / 2, n - 1))
    centre = abs(difference) * math.sqrt(n) / deviation
    shares = (np.arange(QUANTILES) + 0.5) / QUANTILES
    spread = quantile * np.sqrt(stats.chi2.ppf(shares, n - 1) / (n - 1))
    return float(np.mean(stats.norm.sf(spread - centre) + stats.norm.sf(spread + centre)))


def seeds_needed(difference: float, deviation: float, *, level: float = 0.05) -> int | None:
    """The fewest pairs that would show a difference like the one seen, with a chance of 80 %.

    `deviation` is that of the paired differences. At least 6, which the sign-flip test needs. None where it
    cannot be told: one pair, a difference of 0, or more than 1,000 seeds.
    """
    if not (math.isfinite(difference) and math.isfinite(deviation)) or difference == 0:
        return None
    if deviation == 0:
        return FEWEST_PAIRS
    if power_of_t_test(difference, deviation, MOST, level=level) < POWER:
        return None
    low, high = FEWEST_PAIRS - 1, MOST
    if power_of_t_test(difference, deviation, FEWEST_PAIRS, level=level) >= POWER:
        return FEWEST_PAIRS
    while high - low > 1:
        middle = (low + high) // 2
        if power_of_t_test(difference, deviation, middle, level=level) >= POWER:
            high = middle
        else:
            low = middle
    return high
