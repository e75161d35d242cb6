"""Predictions from sweeps of smaller models: published ones are hit, intervals hold simulated ones."""

import math
from functools import cache
from pathlib import Path

import numpy as np
import pytest

from tuneformer.analysis.laws.landscape import RateSweep, SweptRun
from tuneformer.analysis.laws.prediction import predict
from tuneformer.analysis.laws.sweep_table import read_sweeps
from tuneformer.errors import UserError

TABLE = Path(__file__).parents[3] / "docs/results/published_losses_rate_batch.csv"
LARGE = 429260800.0
SIMULATED = 80


@cache
def held_out(size: float) -> tuple[tuple[RateSweep, ...], tuple[RateSweep, ...]]:
    """The published sweeps but those of a size, and those of it."""
    sweeps = read_sweeps(TABLE, loss=None, leave_out={}).sweeps
    return (
        tuple(each for each in sweeps if each.parameters != size),
        tuple(each for each in sweeps if each.parameters == size),
    )


@pytest.mark.parametrize(
    "size", [LARGE, *(pytest.param(size, marks=pytest.mark.proof) for size in (214663680.0, 268304384.0))]
)
def test_each_published_size_is_predicted_from_the_others(size: float) -> None:
    smaller, wanted = held_out(size)
    for sweep in wanted:
        found = predict(smaller, parameters=size, tokens=sweep.tokens)
        best = min(sweep.runs, key=lambda run: run.loss)
        assert abs(found.loss.value - best.loss) < 0.02
        assert found.loss.low < best.loss < found.loss.high
        assert found.batch_size is not None
        if size == LARGE:
            assert 1 / 1.5 < found.learning_rate.value / best.learning_rate < 1.5
            assert 1 / 1.5 < found.batch_size.value / best.batch_size < 1.5
            nearest = min(
                sweep.runs,
                key=lambda run: math.hypot(
                    math.log(run.learning_rate / found.learning_rate.value),
                    math.log(run.batch_size / found.batch_size.value),  # pyright: ignore[reportOptionalMemberAccess]
                ),
            )
            assert nearest.loss - best.loss < 0.005


def simulated(seed: int, sizes: tuple[float, ...], noise: float) -> tuple[RateSweep, ...]:
    """Sweeps of the law of 2203.15556, over rates about a power of size and length."""
    draw = np.random.default_rng(seed)
    return tuple(
        RateSweep(
            parameters=n,
            tokens=d,
            runs=tuple(
                SweptRun(learning_rate=rate, batch_size=1.0, loss=loss_of(n, d, rate) * math.exp(noise * z))
                for rate, z in zip(np.geomspace(2e-4, 5e-2, 9), draw.standard_normal(9), strict=True)
            ),
        )
        for n in sizes
        for d in (1e8, 4e8, 1.6e9)
    )


def best_rate(n: float, d: float) -> float:
    """The planted best rate."""
    return 10 * n**-0.5 * d**0.05


def loss_of(n: float, d: float, rate: float) -> float:
    """The planted loss: the law at the best rate, a quadratic about it."""
    law = 1.69 + 406.4 * n**-0.34 + 410.7 * d**-0.28
    return law + 0.02 * math.log(rate / best_rate(n, d)) ** 2


@pytest.mark.proof
@pytest.mark.timeout(900)
def test_intervals_of_simulated_ladders_hold_the_truth() -> None:
    held, of_rates = 0, 0
    for seed in range(SIMULATED):
        found = predict(simulated(seed, (1e6, 4e6, 1.6e7, 6.4e7), 0.002), parameters=2.56e8, tokens=4e9)
        truth = loss_of(2.56e8, 4e9, best_rate(2.56e8, 4e9))
        held += found.loss.low < truth < found.loss.high
        of_rates += found.learning_rate.low < best_rate(2.56e8, 4e9) < found.learning_rate.high
    assert held / SIMULATED >= 0.88
    assert of_rates / SIMULATED >= 0.88


@pytest.mark.fast
def test_what_the_sweeps_do_not_tell_is_refused() -> None:
    two, one = simulated(0, (1e6, 4e6), 0.0), simulated(0, (1e6,), 0.0)
    with pytest.raises(
        UserError, match=r"two sizes do not tell the loss at parameters=100000000, 25\.0 times"
    ):
        predict(two, parameters=1e8, tokens=1e9)
    with pytest.raises(
        UserError, match=r"one size does not tell how losses and rates change with parameters"
    ):
        predict(one, parameters=4e6, tokens=1e9)


def test_what_is_beyond_the_sweeps_and_what_they_do_not_tell_is_said() -> None:
    sweeps = simulated(0, (1e6, 4e6), 0.001)
    notes = predict(sweeps, parameters=6e6, tokens=1e9).notes
    assert notes[0] == "parameters=6e+06 is 1.50 times the largest of the sweeps"
    assert "two sizes do not tell the exponent of parameters: the published 0.34 is taken" in notes
