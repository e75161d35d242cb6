"""The best setting: chosen on validation, reported from fresh seeds or marked optimistic."""

import math
from dataclasses import replace

import numpy as np
import pytest

from tests.analysis.compare.trials import trial, trials
from tuneformer.analysis.compare.criterion import Criterion, criterion_for
from tuneformer.analysis.compare.design import understand
from tuneformer.analysis.compare.selection import Result, select
from tuneformer.analysis.compare.trial import Trial
from tuneformer.runs.trial_roles import EXPLORE, REPORT

LOSS = Criterion(choose="val/loss", report="test/loss", lower_is_better=True)


def results(*each: Trial, criterion: Criterion = LOSS) -> list[Result]:
    # a run of another optimizer makes the rate what is tuned, not what is compared
    return select(each, understand(trials([*each, trial("shampoo", lr=9.0)]), by=[]), criterion)


@pytest.mark.fast
def test_the_lowest_mean_on_validation_wins_whatever_test_says() -> None:
    runs = [trial(lr=0.1, seed=s, val=2.0 + 0.2 * s, test=9.0) for s in (0, 1)]
    runs += [trial(lr=0.2, seed=s, val=2.2 - 0.3 * s, test=10.0 + s) for s in (0, 1)]
    (found,) = results(*runs)
    assert found.best.values == (0.2,)  # 2.05 against 2.1
    assert found.estimate.mean == 10.5
    assert (found.optimistic, found.fresh, found.choosing_seeds) == (True, False, (0, 1))


@pytest.mark.fast
def test_fresh_seeds_of_the_best_setting_are_reported_and_take_no_part_in_choosing() -> None:
    tuning = [trial(lr=lr, seed=0, val=2 + abs(lr - 0.2)) for lr in (0.1, 0.2, 0.3)]
    fresh = [trial(lr=0.2, seed=s, val=50.0, test=3.0 + s) for s in (1, 2, 3)]
    (found,) = results(*tuning, *fresh)
    assert found.best.values == (0.2,)
    assert found.choosing_seeds == (0,)
    assert [each.seed for each in found.reported] == [1, 2, 3]
    assert found.estimate.mean == 5.0
    assert (found.fresh, found.optimistic) == (True, False)


@pytest.mark.fast
def test_the_setting_that_a_question_reports_is_its_choice_whatever_one_seed_says() -> None:
    tuned = [trial(lr=0.1, val=1.0), trial(lr=0.2, val=1.2), trial(lr=0.2, seed=1, val=0.8)]
    fresh = [trial(lr=0.2, seed=seed, val=9.0, test=seed / 1000) for seed in (1000, 1001)]
    runs = [replace(each, sampler="ask", role=EXPLORE) for each in tuned]
    runs += [replace(each, sampler="ask", role=REPORT) for each in fresh]
    (found,) = results(*runs)
    assert found.best.values == (0.2,)
    assert [each.seed for each in found.reported] == [1000, 1001]
    assert (found.fresh, found.optimistic) == (True, False)
    assert found.estimate.mean == pytest.approx(1.0005)


def test_a_single_setting_was_not_chosen_and_all_its_seeds_count() -> None:
    (found,) = results(*[trial(seed=s, val=2.0 + s) for s in range(3)])
    assert (found.fresh, found.optimistic, len(found.reported)) == (False, False, 3)


@pytest.mark.fast
def test_a_grid_with_holes_is_chosen_on_the_seeds_that_all_settings_share() -> None:
    runs = [trial(lr=0.1, seed=s, val=2.0) for s in (0, 1)] + [trial(lr=0.2, seed=0, val=1.9)]
    (found,) = results(*runs)
    assert (found.best.values, found.choosing_seeds) == ((0.2,), (0,))
    apart = [trial(lr=0.1, seed=0, val=2.0), trial(lr=0.2, seed=1, val=1.9)]
    (found,) = results(*apart)
    assert (found.best.values, found.choosing_seeds, found.optimistic) == ((0.2,), (1,), True)


@pytest.mark.fast
def test_divergence_never_wins_and_nan_is_no_better() -> None:
    runs = [trial(lr=0.1, val=5.0), trial(lr=0.2, val=math.inf), trial(lr=0.3, val=math.nan)]
    (found,) = results(*runs)
    assert found.best.values == (0.1,)
    assert found.n_diverged == 1
    # one seed of two diverged: worse than any that lived
    runs = [trial(lr=0.1, seed=s, val=9.0) for s in (0, 1)]
    runs += [trial(lr=0.2, seed=0, val=1.0), trial(lr=0.2, seed=1, val=math.inf)]
    assert results(*runs)[0].best.values == (0.1,)


@pytest.mark.fast
def test_where_all_diverged_there_is_a_result_without_a_number() -> None:
    (found,) = results(*[trial(lr=lr, val=math.inf) for lr in (0.1, 0.2)])
    assert math.isinf(found.estimate.mean)
    assert found.estimate.method == "none"
    assert found.best.values == (0.1,)


@pytest.mark.fast
def test_results_are_ordered_by_task_horizon_and_loss() -> None:
    runs = [trial("adamw", val=2.0), trial("sgd", val=3.0), trial("lion", val=1.0)]
    assert [each.method for each in results(*runs)] == ["lion", "adamw", "sgd"]
    accuracy = [Trial(**{**vars(run), "metrics": {"val/accuracy": run.metrics["val/loss"]}}) for run in runs]
    up = Criterion(choose="val/accuracy", report="val/accuracy", lower_is_better=False)
    assert [each.method for each in results(*accuracy, criterion=up)] == ["sgd", "adamw", "lion"]


@pytest.mark.fast
def test_a_metric_is_chosen_on_validation_and_reported_on_test_where_all_runs_have_both() -> None:
    assert criterion_for("val/loss", [trial()]) == LOSS
    assert criterion_for("test/loss", [trial(), trial(val=math.inf)]) == LOSS
    without = Trial(**{**vars(trial()), "metrics": {"val/loss": 1.0}})
    assert criterion_for("val/loss", [trial(), without]).report == "val/loss"
    # one run without its number on test is one to leave out, not a reason to report on validation
    assert criterion_for("val/loss", [trial(), trial(), without]) == LOSS
    assert criterion_for("train/loss", [trial()]).report == "train/loss"
    assert not criterion_for("val/accuracy", [trial()]).lower_is_better


def test_choosing_and_reporting_on_the_same_seed_is_biased_and_fresh_seeds_are_not() -> None:
    # five equal settings: whichever is best was lucky
    draw = np.random.default_rng(0)
    same, fresh = [], []
    for _ in range(300):
        noise = draw.normal(size=(5, 4))
        tuning = [trial(lr=lr + 1, seed=0, val=noise[lr, 0], test=noise[lr, 0]) for lr in range(5)]
        best = int(np.argmin(noise[:, 0]))
        more = [trial(lr=best + 1, seed=s, val=0, test=noise[best, s]) for s in (1, 2, 3)]
        same.append(results(*tuning)[0].estimate.mean)
        fresh.append(results(*tuning, *more)[0].estimate.mean)
    assert np.mean(same) == pytest.approx(-1.163, abs=0.12)  # the expected lowest of five normals
    assert np.mean(fresh) == pytest.approx(0.0, abs=0.12)
