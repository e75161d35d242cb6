"""Sentences: what they claim is what the comparison holds, and they claim nothing from mid-schedule."""

import math
from dataclasses import replace

import numpy as np
import pytest

from tests.analysis.compare.trials import trial
from tests.report.conftest import of
from tuneformer.analysis.compare.comparison import Comparison
from tuneformer.report.summary import summary

pytestmark = pytest.mark.fast


def test_the_leader_its_margin_and_its_certainty_are_told(plain: Comparison) -> None:
    first, second, third, fourth = summary(plain)
    assert first == (
        "lion ends lowest of 2 methods after 100 steps, with a test/loss of 2.0200 (95 % interval 1.9952 to"
        " 2.0448), 3 seeds at lr=0.01, an optimistic figure: it was chosen on the same seeds."
    )
    assert second == "Against adamw, in test/loss: lion -0.1000 (-0.1000 to -0.1000)."
    # the two differ by the same amount with each seed: no spread to test with
    assert third.startswith(
        "With 3 seeds no difference between 1 pair could be significant in the exact sign-flip test: at least"
        " 6 seeds are needed. 1 of 1 intervals exclude 0"
    )
    assert fourth == "Every method had the same number of settings and of steps."


def test_what_was_read_in_mid_schedule_is_not_told(plain: Comparison) -> None:
    assert {reach.kind for reach in plain.reaches} >= {"mid-schedule"}
    assert not any("target" in line or "mid-schedule" in line for line in summary(plain))


def test_steps_saved_come_with_their_interval() -> None:
    runs = [
        trial(name, steps=s, seed=seed, val=30 * (f * s) ** -0.5 + 1.5 + 0.002 * ((seed + s) % 3))
        for name, f in (("adamw", 1.0), ("lion", 1.6))
        for s in (100, 200, 400, 800)
        for seed in (0, 1, 2)
    ]
    line = next(line for line in summary(of(runs, by=["horizon"])) if "same loss" in line)
    assert line.startswith("For the same loss as adamw, by a fit to all its lengths, lion needs 6")
    low, high = (float(part) for part in line.split("(")[1].split(" %")[0].split("-"))
    assert low < 62.5 < high
    assert high - low < 10
    assert "extrapolated" in line


def test_with_enough_seeds_the_test_speaks() -> None:
    runs = [
        trial(name, seed=s, val=2 - gap + 0.01 * ((s * s) % 5))
        for name, gap in (("adamw", 0.0), ("lion", 0.2))
        for s in range(8)
    ]
    assert any(
        line.startswith("1 of 1 pairs of methods differ at the 5 % level") for line in summary(of(runs))
    )


def test_one_seed_and_divergence_are_told_plainly() -> None:
    one = summary(of([trial("adamw"), trial("lion", val=1.9)]))
    assert any("With one seed there is no interval" in line for line in one)
    died = summary(of([trial("adamw", val=math.inf), trial("lion", val=math.inf)]))
    assert died == ["Every method diverged at its best setting: there is nothing to compare"]
    (alone,) = summary(of([trial("adamw")]))
    assert alone.startswith("all runs ends after 100 steps")


def test_several_data_sets_are_told_apart(whole: Comparison) -> None:
    lines = summary(whole)
    assert any(line.startswith("On a") for line in lines) or any(line.startswith("On text") for line in lines)
    assert len({line.split(":")[0] for line in lines}) == 2


def test_four_clear_methods_at_six_seeds_are_not_said_to_be_equal_but_to_be_too_few_seeds() -> None:
    noise = np.random.default_rng(0).normal(0, 0.01, (4, 6))
    runs = [
        trial(name, seed=s, val=2 - 0.2 * i + noise[i, s])
        for i, name in enumerate(("adamw", "lion", "sgd", "shampoo"))
        for s in range(6)
    ]
    (line,) = [line for line in summary(of(runs)) if "sign-flip" in line]
    assert line.startswith(
        "With 6 seeds no difference between 6 pairs could be significant in the exact sign-flip test: at"
        " least 8 seeds are needed. 6 of 6 pairs of methods differ at the 5 % level, corrected for all pairs"
        " (paired t test, which takes the differences as normal). Differences like those seen would take 8"
    )


def test_a_unit_is_told_where_it_is_known_and_ties_are_told() -> None:
    runs = [trial(name, seed=s, val=2 + s) for name in ("adamw", "lion") for s in (0, 1)]
    assert not any("nats" in line for line in summary(of(runs)))
    assert summary(of(runs))[0].startswith("adamw ends lowest, level with lion, of 2 methods")
    tokens = [replace(run, metrics={**run.metrics, "test/perplexity": 7.0}) for run in runs]
    assert any("in test/loss (nats per token): lion +0.0000" in line for line in summary(of(tokens)))


def test_runs_whose_seeds_are_not_known_are_counted_as_runs_and_compared_by_welch() -> None:
    values = {"adamw": (2.0, 2.1, 2.2), "lion": (1.0, 1.2, 1.1)}
    runs = [
        replace(trial(name, val=v), seed=None, source=f"{name} {v}")
        for name, each in values.items()
        for v in each
    ]
    lines = summary(of(runs))
    assert ", 3 runs." in lines[0]
    assert any("1 of 1 pairs of methods differ" in line and "Welch's t test" in line for line in lines)
    assert not any("sign-flip" in line for line in lines)


def test_a_method_of_which_a_seed_diverged_is_told_and_not_passed_over() -> None:
    runs = [trial(name, seed=s, val=2 + 0.1 * s) for name in ("adamw", "sgd") for s in (0, 1, 2)]
    runs += [trial("lion", seed=s, val=math.inf if s else 1.0) for s in (0, 1, 2)]
    (line,) = [line for line in summary(of(runs)) if line.startswith("Against adamw")]
    assert line.endswith("lion: 2 of the runs diverged or were pruned: no difference can be given.")
