"""Fits and speed-ups: of exact laws, of published losses, and the interval in simulation."""

import math

import numpy as np
import pytest

from tuneformer.analysis.statistics.power_law import fit_power_law, speed_up

MULTIPLES = [1.0, 2.0, 4.0, 8.0, 16.0]
# 2509.02046, 130M: final losses at 1, 2, 4, 8 and 16 times Chinchilla
ADAMW = [3.5291, 3.4078, 3.3217, 3.2606, 3.2072]


@pytest.mark.fast
@pytest.mark.parametrize(
    ("losses", "expected"),
    [
        ([3.4626, 3.3690, 3.2947, 3.2373, 3.1925], [1.43, 1.35, 1.31, 1.30, 1.35]),  # Muon
        ([3.4822, 3.3742, 3.2945, 3.2374], [1.28, 1.29, 1.31, 1.30]),  # SOAP
        (ADAMW, [1.0] * 5),
    ],
)
def test_published_losses_give_the_published_speed_ups(losses: list[float], expected: list[float]) -> None:
    baseline = fit_power_law(MULTIPLES, ADAMW)
    assert baseline is not None
    found = [speed_up(baseline, at=d, losses=[y]) for d, y in zip(MULTIPLES, losses, strict=False)]
    # the printed two decimals; the baseline's own points lie off their fit by up to 4 %
    tolerance = 0.045 if losses is ADAMW else 0.006
    assert [each.ratio for each in found] == pytest.approx(expected, abs=tolerance)
    assert all(each.low < each.ratio < each.high for each in found)
    assert [each.extrapolated for each in found[:3]] == [False] * 3


@pytest.mark.fast
@pytest.mark.parametrize("unit", [1.0, 1e9])
def test_an_exact_law_is_found_and_inverted_whatever_the_unit_of_length(unit: float) -> None:
    lengths = [unit * d for d in (100, 300, 1000, 3000)]
    fit = fit_power_law(lengths, [5.0 * (d / unit) ** -0.4 + 1.7 for d in lengths])
    assert fit is not None
    assert (fit.b, fit.c) == pytest.approx((0.4, 1.7), rel=1e-4)
    assert fit.a * fit.unit**fit.b == pytest.approx(5.0 * unit**0.4, rel=1e-3)
    assert fit.length_for(fit.loss(777.0 * unit)) == pytest.approx(777.0 * unit)
    # a method that needs half the steps
    found = speed_up(fit, at=1000 * unit, losses=[5.0 * 2000**-0.4 + 1.7])
    assert found.ratio == pytest.approx(2.0, rel=1e-4)


@pytest.mark.fast
def test_there_is_no_fit_of_two_lengths_nor_of_losses_that_rise() -> None:
    assert fit_power_law([1, 2, 1, 2], [3.0, 2.0, 3.1, 2.1]) is None
    assert fit_power_law([1, 2, 4], [3.0, math.inf, 2.0]) is None
    assert fit_power_law([1, 2, 4], [2.0, 3.0, 4.0]) is None
    assert fit_power_law([], []) is None


@pytest.mark.fast
def test_three_points_have_no_interval_and_a_loss_below_the_floor_no_end() -> None:
    fit = fit_power_law([1.0, 2.0, 4.0], [3.0, 2.5, 2.25])
    assert fit is not None
    found = speed_up(fit, at=2.0, losses=[2.25])
    assert found.ratio == pytest.approx(2.0, rel=1e-3)
    assert math.isnan(found.low)
    assert math.isinf(speed_up(fit, at=2.0, losses=[fit.c - 0.1]).ratio)
    assert math.isnan(speed_up(fit, at=2.0, losses=[math.inf]).ratio)
    assert math.isnan(speed_up(fit, at=2.0, losses=[]).ratio)


@pytest.mark.proof
@pytest.mark.parametrize("n_seeds", [1, 3])
def test_speed_up_intervals_hold_the_truth_as_often_as_they_claim(n_seeds: int) -> None:
    draw = np.random.default_rng(n_seeds)
    lengths = np.repeat([1.0, 2.0, 4.0, 8.0, 16.0], n_seeds)
    held = n_sweeps = 0
    for _ in range(2000):
        fit = fit_power_law([*lengths], [*(0.5 * lengths**-0.5 + 3.0 + draw.normal(0, 0.004, len(lengths)))])
        if fit is None:
            continue
        loss = 0.5 * (4 * 1.4) ** -0.5 + 3.0 + draw.normal(0, 0.004, n_seeds)
        found = speed_up(fit, at=4.0, losses=[*loss])
        n_sweeps += 1
        held += found.low <= 1.4 <= found.high
    assert 0.93 <= held / n_sweeps <= 0.97
