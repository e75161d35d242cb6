"""Kendall's tau against SciPy's."""

import math

import numpy as np
import pytest
from scipy import stats

from tuneformer.analysis.statistics.rank_agreement import kendall_tau

pytestmark = pytest.mark.fast


def test_it_is_scipys_tau_b_with_and_without_ties() -> None:
    draw = np.random.default_rng(0)
    for levels in (1000, 4):
        first, second = draw.integers(0, levels, (2, 12)).astype(float)
        assert kendall_tau([*first], [*second]) == pytest.approx(
            np.asarray(stats.kendalltau(first, second))[0]
        )


def test_the_ends_of_its_range() -> None:
    assert kendall_tau([1, 2, 3], [4, 5, 9]) == 1.0
    assert kendall_tau([1, 2, 3], [9, 5, 4]) == -1.0


def test_divergence_is_last_and_what_is_missing_is_left_out() -> None:
    assert kendall_tau([1, 2, math.inf], [1, 2, math.inf]) == 1.0
    assert kendall_tau([1, 2, math.nan, 3], [1, 2, 0, 3]) == 1.0
    assert math.isnan(kendall_tau([1.0], [1.0]))
    assert math.isnan(kendall_tau([1, 1], [1, 2]))
    assert math.isnan(kendall_tau([math.inf, math.inf], [1, 2]))
