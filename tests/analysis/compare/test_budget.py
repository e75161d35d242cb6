"""Ledgers and what stands against an answer."""

import math
from dataclasses import replace

import pytest

from tests.analysis.compare.trials import trial, trials
from tuneformer.analysis.compare.comparison import Comparison, compare
from tuneformer.analysis.compare.trial import LeftOut, Trial, Trials

pytestmark = pytest.mark.fast


def comparison(read: Trials) -> Comparison:
    return compare(read, metric="val/loss", by=[], baseline=None, target=None, tolerance=0.05)


def of(*each: Trial) -> Comparison:
    return comparison(trials(each))


def test_the_ledger_counts_every_run_and_measures_the_reported_ones() -> None:
    runs = [trial("adamw", lr=lr, seed=0, seconds=5.0) for lr in (0.01, 0.02)]
    runs += [trial("lion", lr=0.01, seed=s, val=1.0, seconds=20.0, steps=100) for s in (0, 1)]
    runs += [trial("lion", lr=0.05, seed=0, val=math.inf, seconds=1.0)]
    spent = {each.method: each for each in of(*runs).spent}
    assert (spent["adamw"].settings, spent["adamw"].runs, spent["adamw"].numbers["steps"]) == (2, 2, 200)
    lion = spent["lion"]
    assert (lion.settings, lion.runs, lion.diverged) == (2, 3, 1)
    assert (lion.numbers["steps"], lion.numbers["train_seconds"]) == (300, 41.0)
    assert lion.numbers["tokens_per_second"] == 6400 / 20
    assert math.isnan(lion.numbers["peak_bytes"])


def test_fresh_seeds_come_with_the_command_to_paste() -> None:
    def given(optimizer: str, lr: float, val: float) -> Trial:
        overrides = (
            "experiment=smoke",
            "data.path=/a b/c.txt",
            f"optimizer={optimizer}",
            f"optimizer.lr={lr}",
        )
        mine = (*overrides, "search=grid", "seed=1", 'sweep="lr-grid"', 'run_dir="x"')
        return replace(trial(optimizer, lr=lr, seed=1, val=val), overrides=mine)

    runs = [given("adamw", lr, 3 - lr) for lr in (0.01, 0.02)] + [given("lion", lr, lr) for lr in (0.1, 0.2)]
    made = comparison(trials(runs))
    assert [line for line in made.caveats if line.startswith("fresh seeds")] == [
        "fresh seeds for lion: tuneformer train --multirun experiment=smoke 'data.path=/a b/c.txt'"
        " optimizer=lion optimizer.lr=0.1 sweep=lr-grid seed=2,3,4",
        "fresh seeds for adamw: tuneformer train --multirun experiment=smoke 'data.path=/a b/c.txt'"
        " optimizer=adamw optimizer.lr=0.02 sweep=lr-grid seed=2,3,4",
    ]


def test_every_caveat_is_told_where_it_holds() -> None:
    runs = [trial("adamw", lr=lr, val=3 - lr) for lr in (0.01, 0.02, 0.04)]
    runs += [trial("lion", lr=0.01, val=math.inf, changes={"trainer.gradient_clip_val": 1.0})]
    read = trials(runs, left_out=[LeftOut(source="x/y", reason="running")])
    read = Trials(**{**vars(read), "provenance": {"commit": ("a", "b"), "python": ("3", "4")}})
    told = comparison(read).caveats
    assert told[0].startswith("edge of the grid: adamw is best at the highest optimizer.lr tried (0.04)")
    assert "unequal budgets, settings tried: adamw 3, lion 1" in told
    assert "unequal budgets, steps spent: adamw 300, lion 100" in told
    assert any(line.startswith("optimistic: adamw report") for line in told)
    assert any(line.startswith("few seeds: adamw, lion") for line in told)
    assert "diverged runs: lion 1 of 1" in told
    assert "left out, 1 runs (1 running): x/y" in told
    assert any(line.startswith("trainer.gradient_clip_val differs between methods") for line in told)
    assert "the runs differ in commit: a, b" in told


def test_the_outermost_of_random_draws_is_no_edge_and_pruned_runs_count_in_what_was_spent() -> None:
    runs = [trial("adamw", lr=lr, val=3 - lr, sampler="random") for lr in (0.01, 0.02)]
    runs += [trial("lion", lr=lr, val=3 - lr, sampler="random", pruned=lr > 0.01) for lr in (0.01, 0.02)]
    result = of(*runs)
    told = " ".join(result.caveats)
    assert "edge" not in told
    assert "pruned runs: lion 1 of 2;" in told
    assert {each.method: (each.runs, each.pruned, each.numbers["steps"]) for each in result.spent} == {
        "adamw": (2, 0, 200),
        "lion": (2, 1, 200),
    }


def test_a_fair_comparison_has_none() -> None:
    runs = [
        trial(name, lr=lr, seed=0, val=2 + abs(lr - 0.02))
        for name in ("adamw", "lion")
        for lr in (0.01, 0.02, 0.04)
    ]
    fresh = [trial(name, lr=0.02, seed=s, val=2 + 0.01 * s) for name in ("adamw", "lion") for s in (1, 2, 3)]
    assert of(*runs, *fresh).caveats == ()


def test_seeds_that_all_end_at_the_same_value_are_told() -> None:
    same = [trial("adamw", seed=s, val=2.0) for s in (0, 1, 2)]
    lively = [trial("lion", seed=s, val=2.0 + 0.01 * s) for s in (0, 1, 2)]
    (line,) = [line for line in of(*same, *lively).caveats if line.startswith("no spread")]
    assert line.startswith("no spread: all seeds of adamw end at the same value")


def test_the_best_of_several_values_of_one_number_is_marked_as_picked() -> None:
    runs = [trial(lr=lr, seed=s, val=2 + lr + 0.01 * s) for lr in (0.1, 0.2, 0.4) for s in (0, 1, 2)]
    assert any(
        line.startswith("optimistic: the best optimizer.lr was picked from 3 values")
        for line in of(*runs).caveats
    )


def test_a_sum_is_not_known_where_a_part_of_it_is_not() -> None:
    runs = [trial("adamw", seed=0), replace(trial("adamw", seed=1), numbers={"steps": 100}), trial("lion")]
    spent = {each.method: each for each in of(*runs).spent}
    assert math.isnan(spent["adamw"].numbers["train_seconds"])
    assert (spent["adamw"].numbers["steps"], spent["lion"].numbers["train_seconds"]) == (200, 10.0)


def test_a_setting_that_ran_at_several_lengths_is_one_setting() -> None:
    runs = [trial("adamw", steps=100), *(trial("lion", steps=n) for n in (100, 200))]
    found = compare(
        trials(runs), metric="val/loss", by=["horizon"], baseline=None, target=None, tolerance=0.05
    )
    assert {each.method: each.settings for each in found.spent} == {"adamw": 1, "lion": 1}
    assert not any("settings tried" in line for line in found.caveats)
