"""Numbers of seeds: the power formula in simulation, and what cannot be told."""

import math

import numpy as np
import pytest
from scipy import stats

from tuneformer.analysis.statistics.seeds_needed import power_of_t_test, seeds_needed

pytestmark = pytest.mark.fast


def test_that_many_seeds_show_the_difference_four_times_in_five_and_fewer_do_not() -> None:
    difference, deviation = 0.02, 0.03
    n = seeds_needed(difference, deviation)
    assert n is not None
    draw = np.random.default_rng(0)
    for seeds, least, most in ((n, 0.8, 0.85), (n - 1, 0.74, 0.81)):
        samples = draw.normal(difference, deviation, (20_000, seeds))
        shown = np.mean(np.asarray(stats.ttest_1samp(samples, 0.0, axis=1))[1] <= 0.05)
        assert shown == pytest.approx(power_of_t_test(difference, deviation, seeds), abs=0.012)
        assert least - 0.012 <= shown <= most


def test_the_sign_of_the_difference_and_its_unit_do_not_matter() -> None:
    assert seeds_needed(0.01, 0.02) == seeds_needed(-0.01, 0.02) == seeds_needed(10.0, 20.0)


def test_a_clear_difference_needs_the_six_of_the_exact_test() -> None:
    assert seeds_needed(1.0, 0.01) == 6
    assert seeds_needed(1.0, 0.0) == 6


@pytest.mark.parametrize(
    ("difference", "deviation"), [(0.0, 0.1), (0.1, math.nan), (math.nan, 0.1), (math.inf, 0.1), (1e-4, 1.0)]
)
def test_none_where_it_cannot_be_told(difference: float, deviation: float) -> None:
    assert seeds_needed(difference, deviation) is None
