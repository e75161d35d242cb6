"""Whether two numbers rise and fall together over runs."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.special import ndtri

FEWEST = 6


@dataclass(frozen=True, kw_only=True)
class RankCorrelation:
    """Spearman's rho of n pairs, with its 95 % interval; NaN where there is none."""

    rho: float
    low: float
    high: float
    n: int


def rank_correlation(x: Sequence[float], y: Sequence[float]) -> RankCorrelation:
    """Spearman's rho, and tanh(atanh(rho) -+ z sqrt((1 + rho^2 / 2) / (n - 3))) (Bonett and Wright 2000).

    NaN below six pairs, and where one of the two is constant; no interval of a perfect order, whose width
    the formula gives as 0. The interval takes the pairs as independent.
    """
    n = len(x)
    nothing = RankCorrelation(rho=math.nan, low=math.nan, high=math.nan, n=n)
    if n < FEWEST or len(set(x)) < 2 or len(set(y)) < 2:
        return nothing
    from scipy.stats import rankdata  # heavy: only who has that many runs pays for it

    rho = float(np.corrcoef(np.stack([rankdata(x), rankdata(y)]))[0, 1])
    if abs(rho) > 1 - 1e-12:
        rho = math.copysign(1.0, rho)
        return RankCorrelation(rho=rho, low=math.nan, high=math.nan, n=n)
    half = float(ndtri(0.975)) * math.sqrt((1 + rho**2 / 2) / (n - 3))
    middle = math.atanh(rho)
    return RankCorrelation(rho=rho, low=math.tanh(middle - half), high=math.tanh(middle + half), n=n)
