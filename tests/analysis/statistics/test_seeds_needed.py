"""Numbers of seeds: the power formulas in simulation, and what cannot be told."""

import math

import numpy as np
import pytest
from scipy import stats

from tuneformer.analysis.statistics.seeds_needed import power_of_t_test, seeds_needed
from tuneformer.analysis.statistics.sign_flip import sign_flip_p

pytestmark = pytest.mark.fast


def test_the_power_of_the_t_test_is_that_of_simulated_samples() -> None:
    draw = np.random.default_rng(0)
    for n, level in ((6, 0.05), (20, 0.05), (9, 0.05 / 6)):
        samples = draw.normal(0.02, 0.03, (20_000, n))
        shown = np.mean(np.asarray(stats.ttest_1samp(samples, 0.0, axis=1))[1] <= level)
        assert shown == pytest.approx(power_of_t_test(0.02, 0.03, n, level=level), abs=0.012)


@pytest.mark.parametrize(
    ("difference", "n_tests", "expected"),
    [(3.0, 1, 6), (1.5, 1, 7), (1.5, 6, 10), (2.0, 10, 9)],
)
def test_that_many_seeds_show_the_difference_by_the_exact_test_four_times_in_five_and_fewer_do_not(
    difference: float, n_tests: int, expected: int
) -> None:
    n = seeds_needed(difference, 1.0, n_tests=n_tests)
    assert n == expected
    assert n is not None
    draw = np.random.default_rng(0)
    shown = {
        seeds: np.mean(
            [sign_flip_p([*d]) * n_tests <= 0.05 for d in draw.normal(difference, 1.0, (400, seeds))]
        )
        for seeds in (n, n - 2)
    }
    assert shown[n] >= 0.76  # 0.80 less two deviations of 400 sweeps
    assert not shown[n - 2] >= 0.80


def test_the_sign_of_the_difference_and_its_unit_do_not_matter() -> None:
    assert seeds_needed(0.01, 0.02) == seeds_needed(-0.01, 0.02) == seeds_needed(10.0, 20.0)


@pytest.mark.parametrize(("n_tests", "expected"), [(1, 6), (6, 8), (325, 14)])
def test_a_clear_difference_needs_what_the_exact_test_needs_among_so_many(
    n_tests: int, expected: int
) -> None:
    assert seeds_needed(1.0, 0.01, n_tests=n_tests) == expected
    assert seeds_needed(1.0, 0.0, n_tests=n_tests) == expected


@pytest.mark.parametrize(
    ("difference", "deviation"), [(0.0, 0.1), (0.1, math.nan), (math.nan, 0.1), (math.inf, 0.1), (1e-4, 1.0)]
)
def test_none_where_it_cannot_be_told(difference: float, deviation: float) -> None:
    assert seeds_needed(difference, deviation) is None
