"""Curves over what was tuned: envelopes, basins, heat maps, best of k."""

import itertools
import math

import pytest

from tests.analysis.compare.trials import trial, trials
from tuneformer.analysis.compare.budget import ledger
from tuneformer.analysis.compare.caveats import caveats
from tuneformer.analysis.compare.criterion import Criterion
from tuneformer.analysis.compare.design import Design, understand
from tuneformer.analysis.compare.selection import Result, select
from tuneformer.analysis.compare.trial import Trial
from tuneformer.analysis.compare.tuning_curves import best_of_k_curves, heat_maps, tuning_curves
from tuneformer.analysis.statistics.best_of_k import best_of_k

pytestmark = pytest.mark.fast

LOSS = Criterion(choose="val/loss", report="val/loss", lower_is_better=True)


def results(*each: Trial) -> tuple[list[Result], Design]:
    # a run of another optimizer makes numbers what is tuned, not what is compared
    design = understand(trials([*each, trial("shampoo", lr=9.0, sampler=each[0].sampler)]), by=[])
    return select(each, design, LOSS), design


def decays(lr: float, decay: float) -> float:
    return 2.0 + abs(math.log10(lr) + 2) + abs(decay - 0.1)


GRID = [
    trial(lr=lr, val=decays(lr, decay), changes={"optimizer.weight_decay": decay})
    for lr, decay in itertools.product((0.001, 0.01, 0.1), (0.0, 0.1))
]


def test_a_curve_takes_the_best_of_whatever_else_was_tuned() -> None:
    curves = {curve.key: curve for curve in tuning_curves(*results(*GRID), LOSS, tolerance=0.05)}
    rates = curves["optimizer.lr"]
    assert rates.values == (0.001, 0.01, 0.1)
    assert rates.scores == (3.0, 2.0, 3.0)
    assert rates.basin is not None
    assert (rates.basin.low, rates.basin.high, rates.within) == (0.01, 0.01, (0.01,))
    # a tent of height 1 over two decades, none worse than the worst run seen (3.1)
    assert rates.sensitivity == pytest.approx(0.5)
    decay = curves["optimizer.weight_decay"]
    assert (decay.values, decay.scores) == ((0.0, 0.1), (2.1, 2.0))
    assert math.isnan(decay.sensitivity)
    assert decay.basin is not None
    assert decay.basin.best_is_on_edge


def test_a_rate_that_diverged_counts_as_an_untrained_model() -> None:
    runs = [trial(lr=0.01, val=2.0, curve=[5.5, 2.0]), trial(lr=0.1, val=math.inf)]
    (curve,) = tuning_curves(*results(*runs), LOSS, tolerance=0.1)
    assert curve.scores == (2.0, math.inf)
    assert curve.sensitivity == pytest.approx((5.5 - 2.0) / 2)


def test_two_tuned_numbers_make_a_map_with_gaps_where_nothing_was_tried() -> None:
    (found,) = heat_maps(*results(*GRID[:-1]), LOSS)
    assert (found.x_key, found.y_key) == ("optimizer.lr", "optimizer.weight_decay")
    assert (found.xs, found.ys) == ((0.001, 0.01, 0.1), (0.0, 0.1))
    assert found.scores[0] == (3.1, 2.1, 3.1)
    assert found.scores[1][:2] == (3.0, 2.0)
    assert math.isnan(found.scores[1][2])
    assert heat_maps(*results(*GRID[::2]), LOSS) == []


def test_best_of_k_is_drawn_of_random_trials_alone() -> None:
    losses = [2.0, 3.0, 2.5]
    for sampler in ("random", "halton"):
        runs = [trial(lr=0.1 + i, val=loss, sampler=sampler) for i, loss in enumerate(losses)]
        assert best_of_k_curves(results(*runs)[0], LOSS) == {"adamw": best_of_k(losses)}
    mixed = [trial(lr=0.1 + i, val=loss, sampler="tpe") for i, loss in enumerate(losses)]
    assert best_of_k_curves(results(*mixed)[0], LOSS) == {}
    assert best_of_k_curves(results(trial(sampler="random"))[0], LOSS) == {}


def test_a_run_that_was_pruned_is_never_the_best_and_leaves_no_claim_about_whole_runs() -> None:
    lowest = trial(lr=0.1, val=1.0, sampler="random", pruned=True)
    runs = [trial(lr=0.001, val=3.0, sampler="random"), trial(lr=0.01, val=2.0, sampler="random"), lowest]
    found, design = results(*runs)
    assert found[0].best.score == 2.0
    assert best_of_k_curves(found, LOSS) == {}
    (curve,) = tuning_curves(found, design, LOSS, tolerance=0.1)
    assert (curve.scores, curve.within) == ((3.0, 2.0, math.inf), (0.01,))
    assert math.isnan(curve.sensitivity)


def test_where_each_value_is_a_method_there_is_one_curve_over_all() -> None:
    runs = [trial(lr=lr, seed=s, val=decays(lr, 0.1) + 0.01 * s) for lr in (0.001, 0.01, 0.1) for s in (0, 1)]
    design = understand(trials(runs), by=[])
    found = select(runs, design, LOSS)
    (curve,) = tuning_curves(found, design, LOSS, tolerance=0.05)
    assert (curve.method, curve.key, curve.values) == ("all methods", "optimizer.lr", (0.001, 0.01, 0.1))
    assert curve.scores == pytest.approx((3.005, 2.005, 3.005))
    assert curve.edge == ""


@pytest.mark.parametrize(
    ("key", "values", "best", "edge"),
    [
        ("scheduler.warmup", (0.0, 0.1, 0.2), 0.0, ""),
        ("scheduler.warmup", (0.0, 0.1, 0.2), 0.2, "highest"),
        ("scheduler.warmup", (0.05, 0.1, 0.2), 0.05, "lowest"),
        ("optimizer.weight_decay", (0.0, 0.1), 0.0, ""),
        ("model.dropout", (0.0, 0.1), 0.0, ""),
        ("scheduler.floor", (0.0, 0.5, 1.0), 1.0, ""),
        ("data.batch_size", (1, 2, 4), 1, ""),
        ("optimizer.lr", (1, 2, 4), 1, "lowest"),
        ("optimizer.beta2_decay", (-0.8, 0.0), 0.0, ""),
        ("optimizer.beta2_decay", (-0.8, 0.0), -0.8, "lowest"),
    ],
)
def test_the_limit_of_a_setting_is_no_edge(
    key: str, values: tuple[float, ...], best: float, edge: str
) -> None:
    runs = [trial(val=2.0 + abs(v - best), changes={key: v}) for v in values]
    design = understand(trials([*runs, trial("sgd", changes={key: values[0]})]), by=["optimizer"])
    (curve,) = tuning_curves(select(runs, design, LOSS), design, LOSS, tolerance=0.01)
    assert curve.edge == edge
    spent = ledger(select(runs, design, LOSS))
    told = caveats(trials(runs), design, [], [curve], spent, LOSS, tolerance=0.01)
    assert any(line.startswith("edge of the grid: adamw is best") for line in told) == bool(edge)
