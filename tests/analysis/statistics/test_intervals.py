"""Intervals: against SciPy, and in simulations of known truth."""

import math

import numpy as np
import pytest
from scipy import stats

from tuneformer.analysis.statistics.intervals import mean_interval, paired_difference, unpaired_difference

N_SWEEPS = 2000


def coverage(n: int, *, deviation: float, n_sweeps: int = N_SWEEPS) -> tuple[float, float]:
    """The share of simulated sweeps that hold the true difference, and that exclude 0 where it is 0."""
    draw = np.random.default_rng(n)
    held = excluded = 0
    for _ in range(n_sweeps):
        seeds = draw.normal(0, 0.05, n)  # what a seed does to both methods alike
        mine, theirs = (2.0 + seeds + draw.normal(0, deviation, n) for _ in range(2))
        found = paired_difference([*(mine - 0.03)], [*theirs])
        held += found.low <= -0.03 <= found.high
        excluded += paired_difference([*mine], [*theirs]).excludes_zero
    return held / n_sweeps, excluded / n_sweeps


@pytest.mark.parametrize("n", [3, 5, 10])
def test_paired_intervals_hold_the_true_difference_as_often_as_they_claim(n: int) -> None:
    held, wrong = coverage(n, deviation=0.02)
    assert 0.93 <= held <= 0.97
    assert wrong <= 0.06


@pytest.mark.proof
def test_bootstrap_intervals_of_twenty_seeds_hold_the_true_difference() -> None:
    held, wrong = coverage(20, deviation=0.02)
    assert 0.93 <= held <= 0.97
    assert wrong <= 0.07


@pytest.mark.fast
def test_a_paired_interval_is_that_of_scipys_t_test() -> None:
    mine, theirs = [1.0, 1.3, 1.1], [1.2, 1.35, 1.4]
    expected = stats.ttest_rel(mine, theirs).confidence_interval(0.9)
    found = paired_difference(mine, theirs, confidence=0.9)
    assert (found.low, found.high) == pytest.approx((expected.low, expected.high))
    assert (found.method, found.n) == ("t", 3)
    assert found.half_width == pytest.approx((expected.high - expected.low) / 2)


@pytest.mark.fast
def test_without_pairs_it_is_welchs() -> None:
    mine, theirs = [1.0, 1.3, 1.1, 0.9], [1.2, 1.9, 1.4]
    expected = stats.ttest_ind(mine, theirs, equal_var=False).confidence_interval(0.95)
    found = unpaired_difference(mine, theirs)
    assert (found.low, found.high) == pytest.approx((expected.low, expected.high))
    assert found.method == "welch"


@pytest.mark.fast
def test_the_bootstrap_begins_at_twenty_seeds_and_agrees_with_t_on_normal_values() -> None:
    values = [*np.random.default_rng(3).normal(1.0, 0.1, 20)]
    boot, few = mean_interval(values), mean_interval(values[:19])
    assert (boot.method, few.method) == ("bootstrap", "t")
    half = stats.t.ppf(0.975, 19) * np.std(values, ddof=1) / math.sqrt(20)
    assert boot.half_width == pytest.approx(half, rel=0.1)


@pytest.mark.fast
@pytest.mark.parametrize("values", [[], [1.0], [1.0, math.nan], [1.0, math.inf, 2.0], [math.inf, math.inf]])
def test_nothing_is_claimed_of_one_seed_or_of_one_that_diverged(values: list[float]) -> None:
    found = mean_interval(values)
    assert found.method == "none"
    assert math.isnan(found.low)
    assert math.isnan(found.high)
    assert not found.excludes_zero
    assert paired_difference(values, values).method == "none"
    assert unpaired_difference(values, [1.0, 2.0]).method == "none"


@pytest.mark.fast
def test_equal_seeds_give_an_interval_of_no_width_at_any_number() -> None:
    for n in (2, 5, 25):
        found = paired_difference([1.5] * n, [1.0] * n)
        assert (found.mean, found.low, found.high) == (0.5, 0.5, 0.5)
    assert unpaired_difference([1.5] * 3, [1.0] * 2).low == 0.5
    # two different values only, nearly all the same
    assert math.isfinite(mean_interval([1.0] * 24 + [2.0]).low)
