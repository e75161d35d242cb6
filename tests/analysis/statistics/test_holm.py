"""Holm's correction: the paper's steps, and the chance of any false claim over all pairs in simulation."""

import itertools
import math
from collections.abc import Callable

import numpy as np
import pytest

from tuneformer.analysis.statistics.holm import holm
from tuneformer.analysis.statistics.sign_flip import sign_flip_p
from tuneformer.analysis.statistics.t_test import paired_t_p, welch_p

N_SWEEPS = 2000
PAIRS = [*itertools.combinations(range(4), 2)]
Draw = Callable[..., np.ndarray]


@pytest.mark.fast
def test_holms_steps_are_those_of_the_paper() -> None:
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert holm([0.9, 0.5]) == [1.0, 1.0]
    assert holm([]) == []
    adjusted = holm([math.nan, 0.01, 0.02])
    assert math.isnan(adjusted[0])
    assert adjusted[1:] == pytest.approx([0.02, 0.02])


def false_claims(n: int, *, p_value: Callable[[np.ndarray, np.ndarray], float], name: str) -> float:
    """The share of sweeps of four equal methods over `n` seeds in which any two are said to differ."""
    draw = np.random.default_rng(n)
    noise: Draw = getattr(draw, name)
    wrong = 0
    for _ in range(N_SWEEPS):
        losses = noise(size=(4, n)) + 2.0 * draw.normal(size=n)  # what a seed does to all alike
        wrong += min(holm([p_value(losses[i], losses[j]) for i, j in PAIRS])) <= 0.05
    return wrong / N_SWEEPS


def exact(mine: np.ndarray, theirs: np.ndarray) -> float:
    return sign_flip_p([*(mine - theirs)])


def student(mine: np.ndarray, theirs: np.ndarray) -> float:
    return paired_t_p([*(mine - theirs)])


def welch(mine: np.ndarray, theirs: np.ndarray) -> float:
    return welch_p([*mine], [*theirs])


@pytest.mark.parametrize(
    ("test", "n", "name"),
    [
        (exact, 8, "normal"),
        (student, 3, "normal"),
        (student, 6, "normal"),
        (student, 3, "uniform"),
        (student, 6, "exponential"),
        (welch, 3, "normal"),
    ],
)
def test_equal_methods_are_seldom_said_to_differ_by_any_test(
    test: Callable[[np.ndarray, np.ndarray], float], n: int, name: str
) -> None:
    # 5 % are allowed; two deviations of 2,000 sweeps are 1 %
    assert false_claims(n, p_value=test, name=name) <= 0.06


def test_without_the_correction_they_would_be() -> None:
    draw = np.random.default_rng(0)
    losses = draw.normal(size=(N_SWEEPS, 4, 6))
    claims = [min(student(sweep[i], sweep[j]) for i, j in PAIRS) <= 0.05 for sweep in losses]
    assert np.mean(claims) > 0.12


def test_clear_differences_are_shown_by_the_t_test_where_the_exact_one_cannot() -> None:
    draw = np.random.default_rng(1)
    shown = {"exact": 0, "student": 0}
    for _ in range(100):
        losses = draw.normal(0, 0.02, (4, 6)) + 0.2 * np.arange(4)[:, None]
        shown["exact"] += sum(p <= 0.05 for p in holm([exact(losses[i], losses[j]) for i, j in PAIRS]))
        shown["student"] += sum(p <= 0.05 for p in holm([student(losses[i], losses[j]) for i, j in PAIRS]))
    assert shown["exact"] == 0
    assert shown["student"] > 0.99 * 100 * len(PAIRS)
