"""The floor of sweeps over rate and batch: planted ones are found between their runs."""

import itertools
import math
from dataclasses import replace

import numpy as np
import pytest

from tuneformer.analysis.laws.landscape import RateSweep, SweptRun, floors_of
from tuneformer.errors import UserError

pytestmark = pytest.mark.fast

RATES = [2.0**-power for power in range(6, 14)]
BATCHES = [16.0, 32.0, 64.0, 128.0]


def planted(rate: float, batch: float, floor: float, noise: float = 0.0, seed: int = 0) -> RateSweep:
    """A convex quadratic of log rate and log batch, tilted against both."""
    draw = np.random.default_rng(seed)
    runs = []
    for lr, b in itertools.product(RATES, BATCHES):
        x, y = math.log(lr / rate), math.log(b / batch)
        loss = floor + 0.02 * x * x + 0.03 * y * y - 0.02 * x * y + noise * draw.standard_normal()
        runs.append(SweptRun(learning_rate=lr, batch_size=b, loss=loss))
    return RateSweep(parameters=1e8, tokens=1e9 * floor, runs=tuple(runs))


def test_floors_lie_where_they_were_planted() -> None:
    truth = [(1.3e-3, 40.0, 2.5), (2.2e-3, 70.0, 2.3)]
    for (rate, batch, loss), floor in zip(truth, floors_of([planted(*each) for each in truth]), strict=True):
        assert (floor.learning_rate, floor.batch_size) == pytest.approx((rate, batch), rel=1e-6)
        assert floor.loss == pytest.approx(loss, abs=1e-9)
        assert not floor.on_edge


def test_one_batch_is_enough() -> None:
    sweep = planted(1.3e-3, 32.0, 2.5)
    one = replace(sweep, runs=tuple(run for run in sweep.runs if run.batch_size == 32))
    (floor,) = floors_of([one])
    assert (floor.learning_rate, floor.batch_size) == pytest.approx((1.3e-3, 32.0), rel=1e-6)


def test_a_shared_curvature_varies_less_than_the_best_run() -> None:
    errors, of_best_runs = [], []
    for seed in range(50):
        sweeps = [planted(1.3e-3, 40.0, 2.5 - i / 10, 0.005, 100 * seed + i) for i in range(6)]
        errors += [math.log(floor.learning_rate / 1.3e-3) for floor in floors_of(sweeps)]
        best = [min(sweep.runs, key=lambda run: run.loss) for sweep in sweeps]
        of_best_runs += [math.log(run.learning_rate / 1.3e-3) for run in best]
    assert np.std(errors) < 0.7 * np.std(of_best_runs)


def test_a_floor_beyond_the_sweep_is_told() -> None:
    sweep = planted(1.3e-3, 40.0, 2.5)
    low = replace(sweep, runs=tuple(run for run in sweep.runs if run.learning_rate > 1.5e-3))
    assert [floor.on_edge for floor in floors_of([sweep, low])] == [False, True]


def test_what_forms_no_basin_and_too_few_runs_are_refused() -> None:
    sweep = planted(1.3e-3, 40.0, 2.5)
    hill = replace(sweep, runs=tuple(replace(run, loss=5 - run.loss) for run in sweep.runs))
    with pytest.raises(UserError, match=r"the losses of the sweeps form no basin"):
        floors_of([hill])
    with pytest.raises(
        UserError, match=r"the 2 runs at parameters=100000000 tokens=2500000000 do not show where the best"
    ):
        floors_of([replace(sweep, runs=sweep.runs[:2])])
