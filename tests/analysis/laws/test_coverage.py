"""Intervals of simulated ladders hold what a new sweep finds in 90 to 97 % of cases; laws are recovered."""

import numpy as np
import pytest

from tuneformer.analysis.laws.loss_law import fit_loss_law
from tuneformer.analysis.laws.prediction import PUBLISHED_A, PUBLISHED_SPREAD, predict_losses
from tuneformer.analysis.laws.rate_law import fit_powers

SIZES = np.repeat([5e4, 2e5, 8e5], 3)
TOKENS = 20 * SIZES * np.tile([0.5, 1.0, 2.0], 3)
NOISE = 0.002
LADDERS = 150
LARGE = 3.2e6


def planted(draw: np.random.Generator) -> tuple[float, float, float, float, float]:
    """E, A and B in nats at the middle of the ladder, and exponents as published ones vary."""
    a = PUBLISHED_A * np.exp(PUBLISHED_SPREAD * draw.standard_normal())
    b = 0.28 * np.exp(0.2 * draw.standard_normal())
    return float(draw.uniform(0.8, 2)), float(draw.uniform(0.3, 1)), float(draw.uniform(0.3, 1)), float(a), b


def loss_of(law: tuple[float, float, float, float, float], n: np.ndarray, d: np.ndarray) -> np.ndarray:
    floor, of_parameters, of_tokens, a, b = law
    return floor + of_parameters * (n / 2e5) ** -a + of_tokens * (d / 4e6) ** -b


@pytest.mark.proof
@pytest.mark.timeout(1800)
def test_intervals_of_the_loss_hold_what_a_new_sweep_finds() -> None:
    held = 0
    for seed in range(LADDERS):
        draw = np.random.default_rng(seed)
        law = planted(draw)
        losses = loss_of(law, SIZES, TOKENS) * np.exp(NOISE * draw.standard_normal(len(SIZES)))
        points = {"parameters": SIZES.tolist(), "tokens": TOKENS.tolist()}
        found = predict_losses(points, losses.tolist()).at(LARGE, 20 * LARGE)
        measured = float(loss_of(law, np.array(LARGE), np.array(20 * LARGE)))
        measured *= float(np.exp(NOISE * draw.standard_normal()))
        held += found.low <= measured <= found.high
    assert 0.90 <= held / LADDERS <= 0.97, held / LADDERS


@pytest.mark.fast
def test_intervals_of_rates_hold_what_a_new_sweep_finds() -> None:
    held, n = 0, 2000
    draw = np.random.default_rng(0)
    for _ in range(n):
        p, q = draw.normal(-0.4, 0.2), draw.normal(0.1, 0.1)
        rates = 1e-3 * (SIZES / 2e5) ** p * (TOKENS / 4e6) ** q * np.exp(0.2 * draw.standard_normal(9))
        powers = fit_powers({"parameters": SIZES, "tokens": TOKENS}, rates)
        _, low, high = powers.at({"parameters": LARGE, "tokens": 20 * LARGE})
        there = 1e-3 * (LARGE / 2e5) ** p * (20 * LARGE / 4e6) ** q * np.exp(0.2 * draw.standard_normal())
        held += low <= there <= high
    assert 0.93 <= held / n <= 0.97


@pytest.mark.fast
def test_a_law_with_noise_is_recovered_and_a_joint_term_where_it_is_asked_for() -> None:
    sizes = np.repeat(np.geomspace(1e5, 1e8, 6), 6)
    tokens = np.tile(np.geomspace(1e7, 1e10, 6), 6)
    noise = np.exp(1e-4 * np.random.default_rng(0).standard_normal(36))
    plain = 1.7 + 0.9 * (sizes / 3e6) ** -0.34 + 0.4 * (tokens / 3e8) ** -0.28
    found = fit_loss_law(sizes, tokens, plain * noise)
    assert (found.a, found.b, found.floor) == pytest.approx((0.34, 0.28, 1.7), abs=0.03)
    assert found.joint == 0
    both = plain + 0.2 * (sizes / 3e6) ** -0.34 * (tokens / 3e8) ** -0.28
    with_joint = fit_loss_law(sizes, tokens, both * noise, joint=True)
    assert (with_joint.a, with_joint.b) == pytest.approx((0.34, 0.28), abs=0.03)
    at_units = (with_joint.units[0] / 3e6) ** -0.34 * (with_joint.units[1] / 3e8) ** -0.28
    assert with_joint.joint == pytest.approx(0.2 * at_units, abs=0.02)
    assert with_joint.freedom == found.freedom - 1
    assert with_joint.deviation < fit_loss_law(sizes, tokens, both * noise).deviation
