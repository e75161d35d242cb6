"""The answer to a question: what a run of each method costs."""

import math

import pytest

from tuneformer.runs.trial_roles import EXPLORE, REPORT
from tuneformer.sweeps.ask.answer import seconds_a_run
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
