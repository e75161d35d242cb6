"""Sensitivity and basins, on losses that are known in closed form."""

import math

import numpy as np
import pytest

from tuneformer.analysis.statistics.sensitivity import basin, lr_sensitivity

pytestmark = pytest.mark.fast

DECADES = [*np.geomspace(1e-4, 1e-1, 301)]


def test_a_parabola_over_three_decades_has_its_mean_for_a_sensitivity() -> None:
    losses = [2.0 + 0.1 * math.log10(rate / 10**-2.5) ** 2 for rate in DECADES]
    # mean of 0.1 x^2 over x in [-1.5, 1.5]
    assert lr_sensitivity(DECADES, losses, initial_loss=5.0) == pytest.approx(0.1 * 1.5**2 / 3, rel=1e-4)


def test_what_diverged_counts_as_an_untrained_model_and_so_does_what_is_worse() -> None:
    losses = [2.0] * 200 + [math.inf] * 50 + [math.nan] * 31 + [9.0] * 20
    third = lr_sensitivity(DECADES, losses, initial_loss=5.0)
    assert third == pytest.approx((5.0 - 2.0) / 3, rel=0.01)


def test_the_order_and_the_spacing_of_the_rates_do_not_matter() -> None:
    rates, losses = [1e-2, 1e-4, 1e-3], [2.0, 3.0, 2.5]
    assert lr_sensitivity(rates, losses, initial_loss=5.0) == pytest.approx(0.5)
    denser = lr_sensitivity([*rates, 10**-2.5], [*losses, 2.25], initial_loss=5.0)
    assert denser == pytest.approx(0.5)


def test_one_rate_or_no_run_that_lived_has_none() -> None:
    assert math.isnan(lr_sensitivity([1e-3], [2.0], initial_loss=5.0))
    assert math.isnan(lr_sensitivity([1e-3, 1e-2], [math.inf, math.nan], initial_loss=5.0))
    assert lr_sensitivity([1e-3, 1e-2], [2.0, 2.0], initial_loss=5.0) == 0.0


def test_a_basin_reaches_as_far_as_its_tolerance() -> None:
    values = [1.0, 2.0, 4.0, 8.0, 16.0, 32.0]
    found = basin(values, [2.5, 2.01, 2.0, 2.04, 2.3, 2.01], tolerance=0.05)
    assert found is not None
    assert (found.best, found.low, found.high) == (4.0, 2.0, 8.0)  # 32 lies beyond a worse value
    assert [found.open_below, found.open_above, found.best_is_on_edge] == [False, False, False]


def test_the_best_value_on_the_edge_is_told() -> None:
    high = basin([1.0, 2.0, 4.0], [3.0, 2.5, 2.0], tolerance=0.1)
    low = basin([1.0, 2.0, 4.0], [2.0, 2.5, 3.0], tolerance=0.1)
    assert high is not None
    assert low is not None
    assert high.best_is_on_edge
    assert low.best_is_on_edge
    open_only = basin([1.0, 2.0, 4.0], [2.05, 2.0, 3.0], tolerance=0.1)
    assert open_only is not None
    assert open_only.open_below
    assert not open_only.best_is_on_edge


def test_ties_go_to_the_lowest_value_and_nothing_lives_where_all_diverged() -> None:
    tied = basin([4.0, 1.0, 2.0], [2.0, 2.0, 2.0], tolerance=0.0)
    assert tied is not None
    assert (tied.best, tied.low, tied.high) == (1.0, 1.0, 4.0)
    assert basin([1.0, 2.0], [math.inf, math.nan], tolerance=0.1) is None
    assert basin([], [], tolerance=0.1) is None
