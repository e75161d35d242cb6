"""Performance profiles, counted by hand."""

import math

import numpy as np
import pytest

from tuneformer.analysis.statistics.profiles import performance_profiles

pytestmark = pytest.mark.fast

TIMES = {
    "adamw": {"a": 100.0, "b": 80.0, "c": math.inf, "d": 60.0},
    "muon": {"a": 50.0, "b": 100.0, "c": 30.0, "d": 300.0},
    "sgd": {"a": math.nan, "b": 200.0},
}


def test_shares_are_those_counted_by_hand() -> None:
    profiles = performance_profiles(TIMES)
    assert [*profiles["adamw"].ratios] == [2.0, 1.0, math.inf, 1.0]
    assert [*profiles["muon"].ratios] == [1.0, 1.25, 1.0, 5.0]
    assert [*profiles["sgd"].ratios] == [math.inf, 2.5, math.inf, math.inf]
    assert [profiles["adamw"].share_within(tau) for tau in (1, 1.9, 2, 4)] == [0.5, 0.5, 0.75, 0.75]
    assert [profiles["muon"].share_within(tau) for tau in (1, 1.25, 4, 5)] == [0.5, 0.75, 0.75, 1.0]


def test_the_score_is_the_integral_of_the_profile() -> None:
    taus = np.linspace(1, 4, 30_001)
    for profile in performance_profiles(TIMES).values():
        shares = [profile.share_within(tau) for tau in taus]
        assert profile.score == pytest.approx(float(np.trapezoid(shares, taus)) / 3, abs=1e-4)


def test_the_fastest_everywhere_scores_one_and_who_always_misses_zero() -> None:
    profiles = performance_profiles({"fast": {"a": 1.0, "b": 2.0}, "never": {}})
    assert (profiles["fast"].score, profiles["never"].score) == (1.0, 0.0)


def test_a_task_that_nobody_finished_does_not_count() -> None:
    assert performance_profiles({"x": {"a": math.inf}, "y": {"a": math.nan}}) == {}
    assert len(performance_profiles({"x": {"a": math.inf, "b": 1.0}})["x"].ratios) == 1
    assert performance_profiles({"x": {"a": 0.0}, "y": {"a": 1.0}})["y"].ratios == [math.inf]
