"""Student's t test of paired differences, and Welch's of two samples without pairs."""

import math
from collections.abc import Sequence

import numpy as np
from scipy.special import stdtr

FEWEST = 3  # of two values Student's t says next to nothing, and less yet where they are not normal
SMALLEST_SPREAD = 1e-9  # deviation over size: below it values are equal up to rounding


def paired_t_p(differences: Sequence[float]) -> float:
    """Two-sided p-value of the hypothesis that normal differences have the mean 0 (Student 1908).

    NaN below three, where one is not finite, and where all are equal: without spread there is no t.
    """
    d = np.asarray(differences, dtype=float)
    if not _can_be_tested(d):
        return math.nan
    d = d / np.abs(d).max()  # whatever their size, squares neither overflow nor vanish
    return _two_sided(float(d.mean()), float(d.var(ddof=1)) / len(d), len(d) - 1)


def welch_p(mine: Sequence[float], theirs: Sequence[float]) -> float:
    """Two-sided p-value of the hypothesis that two normal samples have the same mean (Welch 1947).

    NaN where `paired_t_p` of either has none.
    """
    a, b = np.asarray(mine, dtype=float), np.asarray(theirs, dtype=float)
    if not (_can_be_tested(a) and _can_be_tested(b)):
        return math.nan
    size = max(np.abs(a).max(), np.abs(b).max())
    a, b = a / size, b / size
    return _two_sided(float(a.mean() - b.mean()), *welch_terms(a, b))


def welch_terms(a: np.ndarray, b: np.ndarray) -> tuple[float, float]:
    """The variance of the difference of two means, and its degrees of freedom (NaN without any spread)."""
    parts = [float(x.var(ddof=1)) / len(x) for x in (a, b)]
    variance, weights = sum(parts), [part**2 / (len(x) - 1) for part, x in zip(parts, (a, b), strict=True)]
    return variance, variance**2 / sum(weights) if variance > 0 else math.nan


def _two_sided(mean: float, variance: float, freedom: float) -> float:
    return float(2 * stdtr(freedom, -abs(mean) / math.sqrt(variance)))


def _can_be_tested(sample: np.ndarray) -> bool:
    if len(sample) < FEWEST or not np.isfinite(sample).all():
        return False
    return float(np.ptp(sample)) > SMALLEST_SPREAD * float(np.abs(sample).max())
