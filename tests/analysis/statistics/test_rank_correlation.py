import math

import numpy as np
import pytest
from scipy.stats import spearmanr

from tuneformer.analysis.statistics.rank_correlation import rank_correlation

pytestmark = pytest.mark.fast


def test_rho_is_the_correlation_of_ranks() -> None:
    x, y = [0.1, 5.0, 2.0, 9.0, 3.0, 4.0], [1.0, 7.0, 8.0, 9.0, 2.0, 3.0]
    found = rank_correlation(x, y)
    assert found.rho == pytest.approx(spearmanr(x, y)[0])
    tied = [1.0, 1.0, 2.0, 3.0, 3.0, 3.0]
    assert rank_correlation(tied, y).rho == pytest.approx(spearmanr(tied, y)[0])
    assert -1 < found.low < found.rho < found.high < 1
    perfect = rank_correlation(x, [math.exp(value) for value in x])
    assert perfect.rho == 1
    assert math.isnan(perfect.low)  # six pairs in order do not prove that all are


def test_no_answer_without_enough_pairs_or_without_change() -> None:
    assert math.isnan(rank_correlation([1.0, 2.0, 3.0], [1.0, 2.0, 3.0]).rho)
    assert math.isnan(rank_correlation([1.0] * 8, [float(i) for i in range(8)]).rho)


@pytest.mark.parametrize(("n", "r"), [(12, 0.0), (12, 0.6), (40, 0.6)])
def test_the_interval_covers_the_truth_of_normal_pairs(n: int, r: float) -> None:
    truth = 6 / math.pi * math.asin(r / 2)  # Spearman's rho of a normal pair of correlation r
    draw = np.random.default_rng(n)
    covered = 0
    for _ in range(2000):
        x = draw.normal(size=n)
        y = r * x + math.sqrt(1 - r**2) * draw.normal(size=n)
        found = rank_correlation([*x], [*y])
        covered += found.low <= truth <= found.high
    assert 0.93 <= covered / 2000 <= 0.97
