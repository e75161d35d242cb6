"""Chains and regressions, whose best possible loss is known, against textbook forms."""

import math

import numpy as np
import pytest

from tests.data.synthetic.test_generators import drawn
from tuneformer.data.draws import philox
from tuneformer.data.examples.examples import Examples
from tuneformer.data.synthetic.markov import entropy_rate, expected_entropy_of_row, posterior_loss
from tuneformer.data.synthetic.regression import ridge_errors

pytestmark = pytest.mark.fast


def test_transitions_have_the_frequencies_of_their_own_matrix() -> None:
    # with few states and a long context, the counts of an example are its matrix; over examples each
    # entry of a row that is uniform on the simplex of 3 states has mean 1/3 and variance 1/18
    _, examples = drawn("markov", 400, context_length=2000)
    shares = []
    for inputs, targets in zip(examples.inputs, examples.targets, strict=True):
        counts = np.zeros((3, 3))
        np.add.at(counts, (inputs, targets), 1)
        shares.append(counts[0] / max(counts[0].sum(), 1))
    assert np.mean(shares) == pytest.approx(1 / 3, abs=0.01)
    assert np.var(shares) == pytest.approx(1 / 18, rel=0.1)


def test_the_posterior_loss_is_that_of_counting_by_hand_and_approaches_the_entropy_rate() -> None:
    # nothing seen of 0; nothing of 2; of 2 once, to itself; nothing of 1
    chain = np.array([[0, 2, 2, 1, 0]])
    assert posterior_loss(Examples(chain[:, :-1], chain[:, 1:]), n_states=3) == pytest.approx(
        -(math.log(1 / 3) + math.log(1 / 3) + math.log(1 / 4) + math.log(1 / 3)) / 4
    )
    _, examples = drawn("markov", 500, context_length=3000)
    rates = []
    for inputs, targets in zip(examples.inputs, examples.targets, strict=True):
        counts = np.full((3, 3), 1e-9)
        np.add.at(counts, (inputs, targets), 1)
        rates.append(entropy_rate(counts / counts.sum(axis=1, keepdims=True)))
    assert posterior_loss(examples, n_states=3) == pytest.approx(np.mean(rates), rel=0.01)


def test_the_entropy_rate_of_two_states_is_the_textbook_one() -> None:
    p, q = 0.2, 0.5

    def entropy(x: float) -> float:
        return -x * math.log(x) - (1 - x) * math.log(1 - x)

    expected = (q * entropy(p) + p * entropy(q)) / (p + q)
    assert entropy_rate(np.array([[1 - p, p], [q, 1 - q]])) == pytest.approx(expected)
    rows = philox(0, 0).dirichlet(np.ones(3), size=20000)
    assert -(rows * np.log(rows)).sum(axis=1).mean() == pytest.approx(expected_entropy_of_row(3), rel=0.01)


def test_points_lie_on_a_plane_but_for_noise() -> None:
    _, examples = drawn("regression", 50, n_symbols=3, noise=0.5, context_length=401)
    x, y = examples.inputs[:, ::2, :3].astype(float), examples.targets[:, ::2, 0].astype(float)
    assert np.isnan(examples.targets[:, 1::2]).all()
    assert (examples.inputs[:, 1::2, 3] == examples.targets[:, :-1:2, 0]).all()
    residuals = [yi - xi @ np.linalg.lstsq(xi, yi, rcond=None)[0] for xi, yi in zip(x, y, strict=True)]
    assert np.std(residuals) == pytest.approx(0.5, rel=0.03)
    assert np.std(x) == pytest.approx(1.0, rel=0.02)


def test_ridge_errors_are_those_of_the_normal_equations_solved_anew_at_every_point() -> None:
    _, examples = drawn("regression", 4, n_symbols=2, context_length=9)
    x, y = examples.inputs[:, ::2, :2].astype(float), examples.targets[:, ::2, 0].astype(float)
    expected = np.empty((4, 5))
    for row in range(4):
        for point in range(5):
            a, b = x[row, :point], y[row, :point]
            stacked = np.vstack((a, 0.5 * np.eye(2)))  # ridge as least squares with two rows more
            weights = np.linalg.lstsq(stacked, np.append(b, [0, 0]), rcond=None)[0]
            expected[row, point] = (weights @ x[row, point] - y[row, point]) ** 2
    np.testing.assert_allclose(ridge_errors(examples, penalty=0.25), expected, rtol=1e-6)


def test_the_optimum_of_regression_cannot_be_beaten_by_another_penalty() -> None:
    _, examples = drawn("regression", 4000)
    best, *others = (ridge_errors(examples, penalty=penalty).mean() for penalty in (0.25, 0.025, 2.5))
    assert best < min(others)
