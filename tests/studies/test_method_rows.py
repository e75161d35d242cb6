"""The rows: order, intervals against another computation, and what diverged."""

import math
from typing import Any

import numpy as np
import pytest
from scipy import stats

from studies.method_rows import MethodRow, difference, gap, make_rows, over_seeds
from studies.tuned_method import TunedMethod
from studies.tuning import FRESH_SEEDS, TuningRun
from tests.studies.planted import run_tuning

pytestmark = pytest.mark.fast

RATES = (0.25, 0.5, 1.0, 2.0, 4.0)


def row(option: str, *losses: float, **changed: Any) -> MethodRow:
    settings: dict[str, Any] = {"best_rate": 0.01, "best_is_on_edge": False, "n_rates": 5, "n_diverged": 0}
    return MethodRow(option=option, tuned_loss=1.0, test_losses=losses, **{**settings, **changed})


def test_the_interval_of_a_paired_difference_is_that_of_scipy() -> None:
    mine, theirs = np.array([1.0, 1.3, 1.1]), np.array([1.2, 1.35, 1.4])
    found = difference(row("a", *mine), row("adamw", *theirs), confidence=0.9)
    interval = stats.ttest_rel(mine, theirs).confidence_interval(0.9)
    assert found is not None
    assert (found.low, found.high) == pytest.approx((interval.low, interval.high))


def test_intervals_hold_the_true_difference_as_often_as_they_claim() -> None:
    random = np.random.default_rng(0)
    held = 0
    for _ in range(1000):
        seeds = random.normal(size=3)  # what a seed does to both methods alike
        mine, theirs = (2.0 + seeds + 0.1 * random.normal(size=3) for _ in range(2))
        found = difference(row("a", *(mine - 0.5)), row("adamw", *theirs))
        assert found is not None
        held += found.low <= -0.5 <= found.high
    assert 925 <= held <= 972  # 950 expected, standard deviation 7


def test_nothing_is_claimed_where_a_run_diverged_or_is_missing() -> None:
    whole = row("adamw", 1.0, 1.1, 1.2)
    for losses in [(1.0, math.inf, 1.0), (1.0, 1.1), ()]:
        assert difference(row("a", *losses), whole) is None
    assert gap(row("a", 1.0, math.inf, 1.0), whole) == "-"
    assert over_seeds((1.0, math.inf, 1.0)) == ("1 of 3 diverged", "")
    assert over_seeds((1.0,)) == ("1.0000", "")
    assert over_seeds(()) == ("-", "")


def test_the_best_method_stands_first_and_an_edge_is_marked() -> None:
    method = TunedMethod(option="adamw", rates=RATES)
    tuned, _ = run_tuning(method, lambda job: abs(job.rate - 1))
    sloped, _ = run_tuning(TunedMethod(option="lion", rates=RATES), lambda job: -job.rate)
    losses = {TuningRun("adamw", 1.0, seed): 2.0 + 0.1 * seed for seed in FRESH_SEEDS}
    losses |= {TuningRun("lion", 64.0, seed): 1.0 + 0.1 * seed for seed in FRESH_SEEDS}
    rows = make_rows([tuned, sloped], losses)
    assert [(each.option, each.n_rates, each.best_is_on_edge) for each in rows] == [
        ("lion", 9, True),
        ("adamw", 5, False),
    ]
    assert [each.test_mean for each in rows] == pytest.approx([1.2, 2.2])
    # three seeds: t(0.975, 2) / sqrt(3) = 2.484 deviations
    assert over_seeds(rows[0].test_losses) == ("1.2000 ± 0.2484", "0.1000")
    assert gap(rows[0], rows[1]).startswith("-1.0000 ± ")
    assert gap(rows[1], rows[1]) == "0"
