"""The order of a fair comparison: tune on one seed, extend what ends on its edge, test on fresh seeds."""

import math
from collections.abc import Callable

import pytest

from studies.tuned_method import TunedMethod, choose_methods
from studies.tuning import FRESH_SEEDS, LARGEST_EXTENSION, TUNING_SEED, Tuning, TuningRun, overrides_of
from tests.studies.planted import run_tuning
from tuneformer.errors import UserError

pytestmark = pytest.mark.fast

RATES = (0.25, 0.5, 1.0, 2.0, 4.0)
METHOD = TunedMethod(option="adamw", rates=RATES, overrides=("scheduler=warmup",))
METHODS = (METHOD, TunedMethod(option="sgd", rates=(0.2, 0.4)))


def bowl(best: float) -> Callable[[TuningRun], float]:
    return lambda job: (math.log2(job.rate) - math.log2(best)) ** 2


def test_the_best_rate_inside_the_grid_is_run_on_fresh_seeds_and_nothing_else() -> None:
    tuning, jobs = run_tuning(METHOD, bowl(0.5))
    assert [(job.rate, job.seed) for job in jobs[:5]] == [(rate, TUNING_SEED) for rate in METHOD.rates]
    assert [(job.rate, job.seed) for job in jobs[5:]] == [(0.5, seed) for seed in FRESH_SEEDS]
    assert not tuning.best_is_on_edge


@pytest.mark.parametrize(("best", "added"), [(16.0, [8.0, 16.0, 32.0]), (1 / 8, [1 / 8, 1 / 16])])
def test_a_grid_whose_edge_is_best_is_extended_until_it_is_not(best: float, added: list[float]) -> None:
    tuning, jobs = run_tuning(METHOD, bowl(best))
    assert [job.rate for job in jobs[5:] if job.seed == TUNING_SEED] == added
    assert tuning.best_rate == best
    assert not tuning.best_is_on_edge


def test_an_endless_slope_is_left_after_a_few_steps_and_marked() -> None:
    tuning, jobs = run_tuning(METHOD, lambda job: -job.rate)
    assert tuning.best_is_on_edge
    assert max(job.rate for job in jobs) == 4.0 * 2**LARGEST_EXTENSION


def test_divergence_never_wins_and_a_method_that_always_diverges_ends() -> None:
    tuning, _ = run_tuning(METHOD, lambda job: math.inf if job.rate > 1 else -job.rate)
    assert tuning.best_rate == 1.0
    _, jobs = run_tuning(METHOD, lambda _: math.inf)
    assert {job.seed for job in jobs} == {TUNING_SEED}


def test_the_fresh_seeds_have_no_part_in_choosing() -> None:
    tuning, _ = run_tuning(METHOD, lambda job: abs(job.rate - 1) if job.seed == TUNING_SEED else 100.0)
    assert tuning.best_rate == 1.0


def test_losses_that_are_there_already_are_not_asked_for_again() -> None:
    known = Tuning(METHOD, {(rate, TUNING_SEED): abs(rate - 1) for rate in METHOD.rates})
    assert {job.seed for job in known.next_jobs()} == set(FRESH_SEEDS)


def test_a_job_is_a_command_line_of_train() -> None:
    assert overrides_of(TuningRun("adamw", 0.02, 3), METHOD, "smoke") == [
        "experiment=smoke",
        "optimizer=adamw",
        "optimizer.lr=0.02",
        "seed=3",
        "scheduler=warmup",
    ]


def test_methods_are_chosen_by_name() -> None:
    assert [method.option for method in choose_methods("sgd,adamw", METHODS)] == ["sgd", "adamw"]
    assert choose_methods(None, METHODS) == METHODS
    with pytest.raises(UserError, match="the study has no adamx; it has adamw, sgd"):
        choose_methods("adamx", METHODS)
