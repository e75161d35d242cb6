"""Time to a target: from the ends of runs, and marked where it is read inside a schedule."""

import math

import pytest

from tests.analysis.compare.trials import trial, trials
from tuneformer.analysis.compare.criterion import Criterion
from tuneformer.analysis.compare.design import understand
from tuneformer.analysis.compare.selection import select
from tuneformer.analysis.compare.time_to_target import TimeToTarget, time_to_target
from tuneformer.analysis.compare.trial import Trial

pytestmark = pytest.mark.fast

LOSS = Criterion(choose="val/loss", report="val/loss", lower_is_better=True)


def reach(*each: Trial, target: float) -> TimeToTarget:
    return time_to_target(select(each, understand(trials(each), by=["horizon"]), LOSS), target, LOSS)


def test_between_two_ends_the_logarithm_of_steps_is_linear_in_the_loss() -> None:
    runs = [trial(steps=s, val=v, seconds=s / 10) for s, v in ((100, 3.0), (400, 2.0), (1600, 1.0))]
    found = reach(*runs, target=2.5)
    assert (found.steps, found.seconds) == (pytest.approx(200), pytest.approx(20))
    assert found.kind == "ends of runs"
    assert reach(*runs, target=1.0).steps == 1600
    at_first = reach(*runs, target=3.0)
    assert (at_first.steps, at_first.kind) == (100, "ends of runs")


def test_a_target_that_the_shortest_run_passes_is_an_upper_bound() -> None:
    runs = [trial(steps=s, val=v) for s, v in ((100, 3.0), (400, 2.0))]
    found = reach(*runs, target=3.5)
    assert (found.steps, found.kind) == (100, "at most")


def test_a_target_beyond_the_longest_run_is_not_reached() -> None:
    runs = [trial(steps=s, val=v) for s, v in ((100, 3.0), (400, 2.0))]
    found = reach(*runs, target=1.9)
    assert (found.steps, found.kind) == (math.inf, "not reached")
    died = [trial(steps=100, val=math.inf), trial(steps=400, val=2.0)]
    assert reach(*died, target=2.0).steps == 400


def test_inside_one_schedule_it_is_marked() -> None:
    runs = [trial(seed=s, val=2.0, curve=[4.0, 3.0, 2.5, 2.0]) for s in (0, 1)]
    found = reach(*runs, target=3.0)
    assert (found.steps, found.seconds, found.kind) == (50.0, 5.0, "mid-schedule")
    assert reach(*runs, target=2.0).kind == "ends of runs"
    assert reach(*runs, target=1.0).kind == "not reached"
    assert reach(runs[0], trial(seed=1, val=2.0), target=3.0).kind == "at most"


def test_a_method_reaches_what_its_seeds_end_at_in_the_mean() -> None:
    runs = [trial(seed=s, val=v, curve=[4.0, v]) for s, v in ((0, 1.9), (1, 2.1))]
    found = reach(*runs, target=2.0)
    assert (found.steps, found.kind) == (100, "ends of runs")
    assert reach(*runs, target=1.99).kind == "not reached"
