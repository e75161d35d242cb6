"""Whole questions in worlds of known truth: the right method, equal budgets, errors as stated."""

import math
from dataclasses import replace
from statistics import fmean

import pytest

from tests.sweeps.ask.world import RATE, SPACE, Basin, World, question
from tuneformer.analysis.statistics.sequential import BETTER, EQUIVALENT, OPEN, WORSE
from tuneformer.runs.trial_roles import CHECK, REPORT
from tuneformer.sweeps.ask.baseline_check import Variant
from tuneformer.sweeps.ask.budget import Budget
from tuneformer.sweeps.ask.inquiry import Contestant, Findings, Question
from tuneformer.sweeps.ask.reporting import ranked

RUNS = Budget(amount=96, unit="runs")
UNFAIR = Variant(name="model.initialization=xavier", values=(("model.initialization", "xavier"),))
NEUTRAL = tuple(Variant(name=f"x={i}", values=(("x", str(i)),)) for i in range(4))


def truth(world: World, findings: Findings, method: str) -> float:
    """What the chosen setting of a method comes to over all seeds."""
    basin, values = world.basins[method], dict(findings.tuned[method].best)
    rate, decay = float(values[RATE]), float(values["optimizer.weight_decay"])
    loss = basin.floor + basin.curvature * math.log2(rate / basin.best) ** 2
    return loss + 0.002 * math.log10(decay / 0.1) ** 2


def is_false(world: World, findings: Findings, *, detect: float = 0.02) -> bool:
    """Whether any verdict of a question is false."""
    for pair in findings.reported.pairs:
        difference = truth(world, findings, pair.first) - truth(world, findings, pair.second)
        if (pair.word == BETTER and difference >= 0) or (pair.word == WORSE and difference <= 0):
            return True
        if pair.word == EQUIVALENT and abs(difference) > detect:
            return True
    return False


def test_the_method_whose_basin_is_deepest_is_named_and_all_got_the_same() -> None:
    basins = {
        "a": Basin(floor=1.90, best=2e-3),
        "b": Basin(floor=1.80, best=1.6e-2, curvature=0.04),
        "c": Basin(floor=1.86, best=8e-3),
    }
    world = World(basins=basins)
    findings = world.ask(question(list(basins)), RUNS)
    words = {(pair.first, pair.second): pair.word for pair in findings.reported.pairs}
    assert words == {("a", "b"): WORSE, ("a", "c"): WORSE, ("b", "c"): BETTER}
    assert len({each.n_trials for each in findings.tuned.values()}) == 1
    assert len(world.known) <= RUNS.amount


def test_methods_without_a_difference_are_equivalent_and_one_that_diverges_is_not_reported() -> None:
    basins = {"a": Basin(floor=1.8), "b": Basin(floor=1.8), "wild": Basin(floor=1.0, diverges_at=0.0)}
    findings = World(basins=basins, noise=0.004).ask(question(list(basins)), RUNS)
    assert [pair.word for pair in findings.reported.pairs] == [EQUIVALENT]
    assert "wild" not in findings.reported.values


def test_fresh_seeds_had_no_part_in_tuning() -> None:
    world = World(basins={"a": Basin(floor=1.8), "b": Basin(floor=1.9)})
    world.ask(question(["a", "b"]), RUNS)
    by_role = {role: {t.seed for t in world.known if (t.role == REPORT) == role} for role in (True, False)}
    assert by_role[True].isdisjoint(by_role[False])


def test_more_budget_buys_seeds_for_what_is_open_and_changes_nothing_that_was_run() -> None:
    basins = {"a": Basin(floor=1.80), "b": Basin(floor=1.815)}
    world = World(basins=basins, noise=0.02)
    first = Budget(amount=40, unit="runs")
    before = world.ask(question(["a", "b"]), first)
    assert [pair.word for pair in before.reported.pairs] == [OPEN]
    known = set(world.known)
    after = world.ask(question(["a", "b"]), first, Budget(amount=400, unit="runs"))
    assert known < set(world.known)
    assert {trial.role for trial in set(world.known) - known} == {REPORT}
    assert [pair.word for pair in after.reported.pairs] != [OPEN]
    assert after.tuned == before.tuned


def test_a_question_in_seconds_gives_every_method_the_same_time() -> None:
    world = World(basins={"quick": Basin(floor=1.8), "slow": Basin(floor=1.9)}, seconds={"slow": 30.0})
    budget = Budget(amount=1500, unit="seconds")
    findings = world.ask(question(["quick", "slow"]), budget)
    assert findings.costs == {"quick": 10.0, "slow": 30.0}
    trials = {name: each.n_trials for name, each in findings.tuned.items()}
    assert trials["quick"] == pytest.approx(3 * trials["slow"], abs=3)
    assert sum(result.seconds for result in world.known.values()) <= budget.amount


def test_runs_that_diverge_at_once_do_not_make_a_method_cheap() -> None:
    basins = {"a": Basin(floor=1.8, diverges_at=8e-3), "b": Basin(floor=1.9)}
    for points_seed in range(5):
        world = World(basins=basins)
        asked = replace(question(["a", "b"]), points_seed=points_seed)
        findings = world.ask(asked, Budget(amount=1800, unit="seconds"))
        assert findings.costs == {"a": 10.0, "b": 10.0}
        assert sum(result.seconds for result in world.known.values()) <= 1800


def test_the_leader_is_never_worse_than_another_by_its_own_verdict() -> None:
    basins = {"a": Basin(floor=1.80), "b": Basin(floor=1.815), "c": Basin(floor=1.803)}
    for number in range(60):
        world = World(basins=basins, noise=0.005, common=0.05, world=number)
        reported = world.ask(question(list(basins), detect=0.01), RUNS).reported
        first = ranked(list(basins), reported.values, reported.words)[0]
        lost = [
            p
            for p in reported.pairs
            if (p.first, p.word) == (first, WORSE) or (p.second, p.word) == (first, BETTER)
        ]
        assert lost == []


def test_lengths_are_compared_each_by_itself() -> None:
    entries = tuple(
        Contestant(
            name=f"{method}@{steps}",
            method=method,
            field=str(steps),
            space=SPACE,
            cost_in_runs=steps / 600,
            steps=steps,
        )
        for method in ("a", "b")
        for steps in (300, 600)
    )
    asked = replace(question(["a"]), contestants=entries)
    world = World(basins={"a": Basin(floor=1.8), "b": Basin(floor=1.9)})
    findings = world.ask(asked, Budget(amount=36000, unit="steps"))
    assert {(pair.first, pair.second) for pair in findings.reported.pairs} == {
        ("a@300", "b@300"),
        ("a@600", "b@600"),
    }
    assert sum(300 if "@300" in trial.method else 600 for trial in world.known) <= 36000


def checked(world: World, variants: tuple[Variant, ...]) -> Findings:
    asked: Question = question(["a", "b"], baseline="a", variants=variants)
    return world.ask(asked, Budget(amount=200, unit="runs"))


@pytest.mark.parametrize("world", range(10))
def test_a_planted_unfair_setting_is_flagged(world: int) -> None:
    basins = {"a": Basin(floor=1.9), "b": Basin(floor=1.8)}
    findings = checked(World(basins=basins, world=world, changes={UNFAIR.name: -0.06}), (*NEUTRAL, UNFAIR))
    assert list(findings.check.gains) == [UNFAIR.name]
    assert findings.check.gains[UNFAIR.name] == pytest.approx(0.06, abs=0.04)


@pytest.mark.parametrize("world", range(10))
def test_a_fair_setting_is_not_flagged(world: int) -> None:
    basins = {"a": Basin(floor=1.9), "b": Basin(floor=1.8)}
    findings = checked(World(basins=basins, world=world), (*NEUTRAL, UNFAIR))
    assert findings.check.gains == {}
    assert len(findings.check.tried) == 5


def test_the_check_keeps_to_its_share() -> None:
    world = World(basins={"a": Basin(floor=1.9), "b": Basin(floor=1.8)}, changes={UNFAIR.name: -0.1})
    findings = checked(world, (*NEUTRAL, UNFAIR))
    n_checks = sum(trial.role == CHECK for trial in world.known)
    assert n_checks == findings.check.n_trials <= findings.split.check <= 0.25 * 200


@pytest.mark.parametrize(("floors", "n"), [((1.8, 1.8, 1.8, 1.8), 30), ((1.8, 1.81), 50)])
def test_a_few_questions_err_and_hold_as_stated(floors: tuple[float, ...], n: int) -> None:
    _check_many(floors, n, slack=0.04)


@pytest.mark.proof
@pytest.mark.timeout(900)
@pytest.mark.parametrize(("floors", "n"), [((1.8,) * 4, 2000), ((1.8, 1.81), 1000)])
def test_many_questions_err_and_hold_as_stated(floors: tuple[float, ...], n: int) -> None:
    _check_many(floors, n, slack=0.01)  # a share of 1,000 has a deviation of 0.007


def _check_many(floors: tuple[float, ...], n: int, *, slack: float) -> None:
    """Of `n` questions at most 5 % make any false claim; 93 to 97 % of intervals hold; budgets are kept."""
    n_false, held = 0, list[bool]()
    for number in range(n):
        basins = {f"m{index}": Basin(floor=floor) for index, floor in enumerate(floors)}
        world = World(basins=basins, world=number)
        findings = world.ask(question(list(basins)), RUNS)
        assert len(world.known) <= RUNS.amount
        n_false += is_false(world, findings)
        for pair in findings.reported.pairs:
            difference = truth(world, findings, pair.first) - truth(world, findings, pair.second)
            held.append(pair.difference.low <= difference <= pair.difference.high)
    assert n_false / n <= 0.05 + slack
    assert 0.93 - slack <= fmean(held) <= 0.97 + slack
