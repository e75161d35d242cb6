"""Pairs of methods: paired by seed, tested from six seeds on, corrected over all pairs."""

import math

import numpy as np
import pytest
from scipy import stats

from tests.analysis.compare.trials import trial, trials
from tuneformer.analysis.compare.criterion import Criterion
from tuneformer.analysis.compare.design import understand
from tuneformer.analysis.compare.pairs import MethodDifference, compare_pairs, difference_from
from tuneformer.analysis.compare.selection import select
from tuneformer.analysis.compare.trial import Trial
from tuneformer.analysis.compare.verdict import verdict

pytestmark = pytest.mark.fast

N_SWEEPS = 1000
LOSS = Criterion(choose="val/loss", report="val/loss", lower_is_better=True)

EVERY = [trial(name, lr=lr + 1.0, seed=s) for name in ("adamw", "lion") for lr in range(5) for s in range(6)]
DESIGN = understand(trials(EVERY), by=["optimizer"])


def pairs(*each: Trial) -> list[MethodDifference]:
    return compare_pairs(select(each, understand(trials(each), by=[]), LOSS), LOSS)


def test_what_a_seed_does_to_both_methods_cancels() -> None:
    shift = {0: 0.0, 1: 5.0, 2: -3.0}
    runs = [trial("adamw", seed=s, val=10 + shift[s]) for s in shift]
    runs += [trial("lion", seed=s, val=9.9 + shift[s] + 0.01 * s) for s in shift]
    (pair,) = pairs(*runs)
    assert (pair.first, pair.second, pair.paired) == ("lion", "adamw", True)
    assert pair.difference.mean == pytest.approx(-0.09)
    assert pair.difference.deviation == pytest.approx(0.01)
    assert math.isnan(pair.p)
    assert pair.needed == 6
    assert (
        pair.note
        == "3 seeds, too few for the exact test of one pair (6): a difference like this one would take 6"
    )


def test_from_six_seeds_there_is_an_exact_test_corrected_over_all_pairs() -> None:
    draw = np.random.default_rng(0)
    noise = draw.normal(0, 0.01, (3, 8))
    means = {"adamw": 2.0, "lion": 1.5, "sgd": 2.001}
    runs = [
        trial(name, seed=s, val=mean + noise[row, s])
        for row, (name, mean) in enumerate(means.items())
        for s in range(8)
    ]
    found = {(pair.first, pair.second): pair for pair in pairs(*runs)}
    clear = found["lion", "adamw"]
    assert clear.p == 2 / 2**8
    assert clear.p_holm == pytest.approx(3 * 2 / 2**8)
    assert clear.note == ""
    equal = found["adamw", "sgd"] if ("adamw", "sgd") in found else found["sgd", "adamw"]
    assert equal.p > 0.05
    assert equal.needed is None or equal.needed > 8


def test_only_shared_seeds_are_paired_and_without_them_it_is_welchs_interval() -> None:
    runs = [trial("adamw", seed=s, val=2.0 + 0.1 * s) for s in (0, 1, 2)]
    partly = [trial("lion", seed=s, val=1.0 + 0.1 * s) for s in (1, 2, 3)]
    (pair,) = pairs(*runs, *partly)
    assert (pair.paired, pair.difference.n) == (True, 2)
    assert pair.difference.mean == pytest.approx(-1.0)
    apart = [trial("lion", seed=s, val=1.0 + 0.1 * s) for s in (5, 6, 7)]
    (pair,) = pairs(*runs, *apart)
    assert (pair.paired, pair.difference.method) == (False, "welch")
    assert pair.note == "no shared seeds: not paired, Welch's interval and test"
    assert math.isnan(pair.p)
    expected = stats.ttest_ind([1.5, 1.6, 1.7], [2.0, 2.1, 2.2], equal_var=False)
    assert pair.p_t == pytest.approx(np.asarray(expected)[1])


def test_one_seed_ties_and_divergence_have_defined_ends() -> None:
    (one,) = pairs(trial("adamw", val=2.0), trial("lion", val=1.0))
    assert (one.difference.mean, one.difference.method, one.needed) == (-1.0, "none", None)
    assert one.note.startswith("one seed: no interval")
    tied = [trial(name, seed=s, val=2.0) for name in ("adamw", "lion") for s in range(6)]
    (pair,) = pairs(*tied)
    assert (pair.difference.low, pair.difference.high, pair.p, pair.needed) == (0.0, 0.0, 1.0, None)
    died = [trial("adamw", seed=s, val=2.0) for s in range(3)]
    died += [trial("lion", seed=s, val=math.inf if s else 2.0) for s in range(3)]
    (pair,) = pairs(*died)
    assert math.isnan(pair.difference.low)
    assert pair.note == "2 of the runs diverged or were pruned: no difference can be given"


def test_a_method_differs_from_itself_by_nothing() -> None:
    runs = [trial(seed=s, val=2.0 + s) for s in range(3)]
    (result,) = select(runs, understand(trials(runs), by=[]), LOSS)
    assert difference_from(result, result, LOSS).mean == 0.0


def test_seeds_needed_and_the_verdict_account_for_all_pairs() -> None:
    draw = np.random.default_rng(0)
    names = ("adamw", "lion", "sgd", "shampoo")

    def of(n: int) -> list[MethodDifference]:
        noise = draw.normal(0, 0.01, (4, n))
        return pairs(
            *(trial(o, seed=s, val=2 - 0.2 * i + noise[i, s]) for i, o in enumerate(names) for s in range(n))
        )

    six = verdict(of(6))
    assert six is not None
    assert (six.fewest, six.exact_is_impossible, six.test) == (8, True, "paired t test")
    assert (six.n_tested, six.n_differing) == (6, 6)
    assert {pair.needed for pair in of(6)} == {8}
    assert (
        of(6)[0].note
        == "6 seeds, too few for the exact test of 6 pairs (8): a difference like this one would take 8"
    )
    # with the number advised the exact test speaks
    eight = verdict(of(8))
    assert eight is not None
    assert (eight.exact_is_impossible, eight.test, eight.n_differing) == (False, "exact sign-flip test", 6)


def test_a_method_picked_from_many_settings_on_these_seeds_is_not_tested_against_one_that_was_not() -> None:
    draw = np.random.default_rng(0)
    grid = [trial("adamw", lr=lr + 1, seed=s, val=2 + draw.normal()) for lr in range(10) for s in range(8)]
    one = [trial("lion", seed=s, val=2 + draw.normal()) for s in range(8)]
    (pair,) = pairs(*grid, *one)
    assert math.isnan(pair.p)
    assert math.isnan(pair.p_t)
    assert pair.note.startswith("not tested: adamw was picked from 10 settings on these seeds, lion from 1")
    found = verdict([pair])
    assert found is not None
    assert found.test == ""


@pytest.mark.proof
@pytest.mark.parametrize(("settings", "most"), [((1, 1), 0.065), ((2, 1), 0.065), ((5, 5), 0.03)])
def test_where_methods_are_tested_equal_ones_are_seldom_said_to_differ(
    settings: tuple[int, int], most: float
) -> None:
    draw = np.random.default_rng(1)
    rejected = 0
    for _ in range(N_SWEEPS):
        runs = [
            trial(name, lr=lr + 1.0, seed=s, val=draw.normal())
            for name, n in zip(("adamw", "lion"), settings, strict=True)
            for lr in range(n)
            for s in range(6)
        ]
        (pair,) = compare_pairs(select(runs, DESIGN, LOSS), LOSS)
        rejected += pair.p_t <= 0.05
    assert rejected / N_SWEEPS <= most
