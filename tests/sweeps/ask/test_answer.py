"""The answer to a question: what a run of each method costs."""

import math
import random

import pytest

from tuneformer.runs.trial_roles import EXPLORE, REPORT
from tuneformer.sweeps.ask.answer import seconds_a_run
from tuneformer.sweeps.ask.reporting import unsteady
from tuneformer.sweeps.ask.trials import AskedTrial, TrialResult


@pytest.mark.fast
def test_a_run_costs_the_median_of_the_fresh_seeds_which_all_methods_run_in_turn() -> None:
    took = {
        ("a", EXPLORE): [90.0, 95.0],
        ("a", REPORT): [10.0, 11.0, 80.0],
        ("b", EXPLORE): [7.0],
        ("none", EXPLORE): [],
    }
    results = {
        AskedTrial(method=method, values=(), seed=seed, role=role): TrialResult(
            chosen_by=1.0, reported=1.0, seconds=seconds
        )
        for (method, role), each in took.items()
        for seed, seconds in enumerate(each)
    }
    stopped = AskedTrial(method="a", values=(), seed=9, role=REPORT)
    results[stopped] = TrialResult(chosen_by=math.inf, reported=math.inf, seconds=1.0)
    assert seconds_a_run(results, "a") == 11.0
    assert seconds_a_run(results, "b") == 7.0
    assert math.isnan(seconds_a_run(results, "none"))


@pytest.mark.fast
def test_a_method_is_unsteady_at_three_times_the_deviation_of_most() -> None:
    steady = [1.0, 1.1, 0.9, 1.05, 0.95]
    values = {"a": steady, "b": steady, "wild": [1.0, 1.4, 0.6, 1.2, 0.8], "few": [0.0, 9.0]}
    assert list(unsteady(values)) == ["wild"]
    assert unsteady(values)["wild"] == pytest.approx((0.3162, 0.0791), rel=1e-3)
    assert unsteady({"few": [0.0, 9.0], "diverged": [*steady, math.inf]}) == {}


@pytest.mark.fast
def test_methods_of_the_same_spread_are_hardly_ever_called_unsteady() -> None:
    random_ = random.Random(0)
    told = sum(
        bool(unsteady({str(method): [random_.gauss() for _ in range(5)] for method in range(25)}))
        for _ in range(1000)
    )
    assert told <= 3
