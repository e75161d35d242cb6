"""How many seeds a difference would take to be shown."""

import math
from functools import cache

import numpy as np
from scipy.special import chdtri, ndtr, stdtrit

from tuneformer.analysis.statistics.holm import LEVEL
from tuneformer.analysis.statistics.sign_flip import fewest_pairs

POWER = 0.8
MOST = 1000
QUANTILES = 2000


def power_of_t_test(difference: float, deviation: float, n: int, *, level: float = LEVEL) -> float:
    """The chance that the two-sided t test of `n` paired differences rejects, if they are normal.

    P(abs(Z + c) > q s) with q = t(1 - level / 2, n - 1), c = difference sqrt(n) / deviation, and s^2 a
    chi-squared over its n - 1 degrees, averaged over its quantiles: SciPy's noncentral t fails at some n.
    """
    quantile = float(stdtrit(n - 1, 1 - level / 2))
    centre = abs(difference) * math.sqrt(n) / deviation
    spread = quantile * _deviations(n)
    return float(np.mean(ndtr(centre - spread) + ndtr(-centre - spread)))


@cache
def _deviations(n: int) -> np.ndarray:
    """Quantiles of the deviation of `n` normal values of deviation 1."""
    shares = (np.arange(QUANTILES) + 0.5) / QUANTILES
    return np.sqrt(chdtri(n - 1, 1 - shares) / (n - 1))


def power_of_sign_flip(difference: float, deviation: float, n: int, *, n_tests: int = 1) -> float:
    """The chance that the exact sign-flip test of `n` normal differences rejects at 5 % over `n_tests`.

    0 below `fewest_pairs`. Where only differences of one sign reject, the chance of those:
    Phi(difference / deviation)^n. Beyond, that of the t test of one pair fewer, which comes within 0.03
    below it or more in simulation.
    """
    n_rejecting = math.floor(LEVEL / n_tests * 2.0 ** (n - 1))  # of the pairs of opposite choices of signs
    if n_rejecting < 1:
        return 0.0
    if n_rejecting == 1:
        return float(ndtr(abs(difference) / deviation) ** n)
    return power_of_t_test(difference, deviation, n - 1, level=LEVEL / n_tests)


def seeds_needed(difference: float, deviation: float, *, n_tests: int = 1) -> int | None:
    """The fewest pairs that would show a difference like the one seen, with a chance of 80 %.

    `deviation` is that of the paired differences. The test is the exact sign-flip test at 5 %, corrected for
    all `n_tests`: never fewer than its `fewest_pairs`. None where it cannot be told: one pair, a difference
    of 0, or more than 1,000 seeds.
    """
    if not (math.isfinite(difference) and math.isfinite(deviation)) or difference == 0:
        return None
    fewest = fewest_pairs(n_tests)

    def shows(n: int) -> bool:
        return power_of_sign_flip(difference, deviation, n, n_tests=n_tests) >= POWER

    if deviation == 0 or shows(fewest):
        return fewest
    if not shows(MOST):
        return None
    low, high = fewest, MOST
    while high - low > 1:
        middle = (low + high) // 2
        if shows(middle):
            high = middle
        else:
            low = middle
    return high
