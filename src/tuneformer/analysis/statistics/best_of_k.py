"""What a smaller budget of trials would have bought."""

import math
from collections.abc import Sequence

import numpy as np


def best_of_k(losses: Sequence[float]) -> list[float]:
    """The expected lowest loss of k trials drawn from the n made, for k = 1 ... n, without replacement.

    sum_i x_(i) C(n - i, k - 1) / C(n, k) over the sorted losses x_(1) <= ... <= x_(n) (Dodge et al.,
    1909.03004, without replacement). Infinite where all k may have diverged. It means something for trials
    drawn at random alone (random or Halton search): a search that learns, or a grid, has another order.
    """
    x = np.sort(np.where(np.isnan(np.asarray(losses, dtype=float)), math.inf, losses))
    n = len(x)
    curve = []
    for k in range(1, n + 1):
        # P(the lowest is the i-th): C(n - i, k - 1) / C(n, k), from one i to the next without overflow
        chance, expected = k / n, 0.0
        for i in range(n - k + 1):
            expected += float(x[i]) * chance
            chance *= (n - i - k) / (n - i - 1) if n - i - 1 else 0.0
        curve.append(expected)
    return curve
