"""Tuning: equal numbers of trials, honest first draws, and ranges that may be left."""

import math
from itertools import pairwise

import pytest

from tests.sweeps.ask.world import RATE, SPACE, Basin, World
from tuneformer.runs.trial_roles import CONFIRM, EXPLORE, REFINE
from tuneformer.sweeps.ask.trials import AskedTrial, together
from tuneformer.sweeps.ask.tuning import FEWEST, Tuned, pooled_spread, rungs, tune


def tuned(world: World, n: int, *, seed: int = 0) -> tuple[Tuned, list[AskedTrial]]:
    """What tuning `a` in a world comes to, and its trials in order."""
    found, lists = world.run(tune("a", SPACE, n, seed=0, points_seed=seed))
    return found, [trial for each in lists for trial in each]


@pytest.mark.parametrize("n", [FEWEST, 4, 7, 12, 20, 33])
def test_a_method_has_its_number_of_trials_or_one_less(n: int) -> None:
    found, trials = tuned(World(basins={"a": Basin(floor=1.8)}), n)
    assert found.n_trials == len(trials)
    assert n - 1 <= len(trials) <= n


def test_first_draws_do_not_depend_on_how_many_follow_or_on_what_they_come_to() -> None:
    first = SPACE.draw(5, seed=3)
    assert SPACE.draw(12, seed=3)[:5] == first
    for basin in (Basin(floor=1.8), Basin(floor=2.5, best=2e-2, curvature=0.2)):
        _, trials = tuned(World(basins={"a": basin}), 12, seed=3)
        assert [trial.values for trial in trials if trial.role == EXPLORE][:5] == first


@pytest.mark.parametrize("best", [1e-4, 0.1])
def test_a_range_that_is_too_narrow_is_left(best: float) -> None:
    basins = {"a": Basin(floor=1.8, best=best, curvature=0.05)}
    found, _ = tuned(World(basins=basins, noise=0.003), 40)
    rate = float(dict(found.best)[RATE])
    assert rate < 5e-4 or rate > 3.2e-2
    assert found.on_edge == (RATE,)


def test_the_best_is_found_within_a_range() -> None:
    found, trials = tuned(World(basins={"a": Basin(floor=1.8, curvature=0.05)}, noise=0.002), 24)
    assert abs(math.log2(float(dict(found.best)[RATE]) / 4e-3)) < 0.8
    assert found.on_edge == ()
    roles = [trial.role for trial in trials]
    assert roles == sorted(roles, key=[EXPLORE, REFINE, CONFIRM].index)


def test_a_method_that_always_diverges_has_an_infinite_score() -> None:
    found, trials = tuned(World(basins={"a": Basin(floor=1.8, diverges_at=0.0)}), 12)
    assert math.isinf(found.score)
    assert found.n_diverged == len(trials)


@pytest.mark.parametrize("n", range(40))
def test_rungs_halve_from_seed_to_seed_and_keep_to_their_number(n: int) -> None:
    sizes = rungs(n)
    assert sum(sizes) == (n if n > 1 else 0)
    assert all(size >= 2 for size in sizes)
    assert all(after <= before // 2 for before, after in pairwise(sizes))


def test_the_spread_over_seeds_is_pooled() -> None:
    assert pooled_spread([[1.0, 1.2], [3.0, 3.0, 3.3], [5.0]]) == pytest.approx(math.sqrt((0.02 + 0.06) / 3))
    assert math.isnan(pooled_spread([[1.0], [2.0]]))


def test_phases_go_in_lockstep_and_each_hears_of_all_results() -> None:
    world = World(basins={"a": Basin(floor=1.8), "b": Basin(floor=1.9)})
    phases = [tune(name, SPACE, n, seed=0, points_seed=0) for name, n in (("a", 4), ("b", 12))]
    found, lists = world.run(together(phases))
    assert [each.method for each in found] == ["a", "b"]
    assert {trial.method for trial in lists[0]} == {"a", "b"}
    assert {trial.method for each in lists[2:] for trial in each} == {"b"}
