"""The order, number and values of trials, on functions whose minimum is known; nothing is trained."""

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import optuna
import pytest

from tuneformer.runs.record import ENDED
from tuneformer.sweeps.job import Outcome
from tuneformer.sweeps.search.sampler import make_sampler
from tuneformer.sweeps.search.space import Choices, SearchRange, Space
from tuneformer.sweeps.search.trials import Asked, OptunaStudy
from tuneformer.training.trial_storage import open_storage

pytestmark = pytest.mark.filterwarnings("ignore::optuna.exceptions.ExperimentalWarning")

SPACE: Space = {
    "optimizer.lr": SearchRange(low=1e-4, high=1.0, log=True),
    "optimizer.betas": Choices(values=("[0.9,0.95]", "[0.9,0.99]")),
}
SMOOTH: Space = {
    "optimizer.lr": SPACE["optimizer.lr"],
    "scheduler.warmup": SearchRange(low=0.0, high=1.0, log=False),
}

Open = Callable[..., OptunaStudy]


def ended(value: float | None, status: str = "finished") -> Outcome:
    return Outcome(status=status, value=value, error=None, steps=1, seconds=1.0, ended=status in ENDED)


def bowl(asked: Asked) -> float:
    """Lowest, 0, at a rate of 0.01 and no warmup."""
    rate, warmup = float(asked.values["optimizer.lr"]), float(asked.values.get("scheduler.warmup", 0.0))
    return (math.log10(rate) + 2) ** 2 + warmup**2


@pytest.fixture
def trials(tmp_path: Path) -> Open:
    """trials(): the same study each time, as a restarted sweep would open it."""

    def open_again(
        sampler: str = "random", n_trials: int = 8, space: Space = SPACE, name: str = "mine", **more: Any
    ) -> OptunaStudy:
        return OptunaStudy(
            method="0",
            name=name,
            storage=open_storage(f"sqlite:///{tmp_path}/trials.db"),
            settings={"sampler": sampler, "seed": 0, "startup_trials": 4},
            space=space,
            n_trials=n_trials,
            maximize=more.get("maximize", False),
            folder=more.get("folder", tmp_path),
        )

    return open_again


def run_all(study: OptunaStudy, value: Callable[[Asked], float] = bowl) -> list[Asked]:
    asked = []
    while (trial := study.ask()) is not None:
        asked.append(trial)
        study.tell(trial.number, ended(value(trial)))
    return asked


@pytest.mark.parametrize("sampler", ["random", "halton", "tpe"])
def test_a_search_that_is_stopped_draws_what_it_would_have_drawn(trials: Open, sampler: str) -> None:
    whole = run_all(trials(sampler, name="undisturbed"))
    assert [trial.number for trial in whole] == list(range(8))
    parts = []
    for _ in range(3):
        study = trials(sampler, name="stopped")
        for _ in range(2):
            trial = study.ask()
            assert trial is not None
            parts.append(trial)
            study.tell(trial.number, ended(bowl(trial)))
    parts += run_all(trials(sampler, name="stopped"))
    assert parts == whole


@pytest.mark.parametrize("sampler", ["random", "halton", "tpe"])
@pytest.mark.parametrize("trial", [0, 2])
def test_a_sweep_that_is_killed_as_it_asks_draws_what_it_would_have_drawn(
    trials: Open, sampler: str, trial: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = run_all(trials(sampler, name="undisturbed", n_trials=4))
    suggest = optuna.Trial._suggest
    left = 2 * trial + 1  # of the trial's two values the first is drawn, the second is not

    def suggest_or_die(*arguments: Any) -> Any:
        nonlocal left
        if left == 0:
            raise KeyboardInterrupt
        left -= 1
        return suggest(*arguments)

    parts = []
    with monkeypatch.context() as planted:
        planted.setattr(optuna.Trial, "_suggest", suggest_or_die)
        study = trials(sampler, name="killed", n_trials=4)
        for _ in range(trial):
            asked = study.ask()
            assert asked is not None
            parts.append(asked)
            study.tell(asked.number, ended(bowl(asked)))
        with pytest.raises(KeyboardInterrupt):
            study.ask()
    parts += run_all(trials(sampler, name="killed", n_trials=4))
    assert parts == whole


def test_two_sweeps_that_share_a_study_draw_what_one_would(trials: Open, tmp_path: Path) -> None:
    expected = run_all(trials("halton", name="alone"))
    one, other = (trials("halton", folder=tmp_path / name) for name in ("one", "other"))
    drawn = []
    for first, second in ((one, other), (other, one), (one, other), (other, one)):
        pair = [asked for asked in (first.ask(), second.ask()) if asked is not None]
        drawn += pair
        for study, asked in zip((first, second), pair, strict=True):
            study.tell(asked.number, ended(bowl(asked)))
    assert drawn == expected
    assert one.ask() is other.ask() is None


def test_of_two_that_ask_for_the_last_trial_at_once_one_gets_it(
    trials: Open, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    one, other = (trials(n_trials=1, folder=tmp_path / name) for name in ("one", "other"))
    ask = optuna.Study.ask
    answers = []

    def be_overtaken(study: optuna.Study, **given: Any) -> optuna.Trial:
        monkeypatch.setattr(optuna.Study, "ask", ask)
        answers.append(other.ask())
        return ask(study, **given)

    monkeypatch.setattr(optuna.Study, "ask", be_overtaken)
    answers.append(one.ask())
    assert sorted(asked is None for asked in answers) == [False, True]
    (got,) = [asked for asked in answers if asked is not None]
    assert got.number == 0
    assert one.ask() is other.ask() is None
    # a larger total takes it up
    more = [asked.number for asked in run_all(trials(n_trials=2, folder=tmp_path / "third"))]
    assert more == [1]


def test_the_number_of_trials_is_that_of_all_attempts_and_more_go_on(trials: Open) -> None:
    assert len(run_all(trials(n_trials=3))) == 3
    assert run_all(trials(n_trials=3)) == []
    assert [trial.number for trial in run_all(trials(n_trials=5))] == [3, 4]
    assert trials(n_trials=5).n_ended == 5


def test_a_trial_that_was_running_when_its_sweep_was_killed_is_asked_for_again(trials: Open) -> None:
    killed = trials()
    first, second = killed.ask(), killed.ask()
    assert first is not None
    killed.tell(first.number, ended(1.0))
    again = trials()
    assert again.ask() == second
    third = again.ask()
    assert third is not None
    assert third.number == 2
    # one that was interrupted stays open for the next attempt
    again.tell(third.number, ended(None, "interrupted"))
    assert trials().ask() == second
    assert len(run_all(trials())) == 8 - 1


def test_a_trial_of_another_sweep_that_shares_the_database_is_left_to_it(
    trials: Open, tmp_path: Path
) -> None:
    theirs = trials(folder=tmp_path / "elsewhere").ask()
    mine = trials().ask()
    assert theirs is not None
    assert mine is not None
    assert (theirs.number, mine.number) == (0, 1)
    assert len(run_all(trials())) == 7  # with theirs there are eight


def test_a_failed_trial_counts_until_it_is_tried_again(trials: Open) -> None:
    study = trials(n_trials=2)
    failed = study.ask()
    assert failed is not None
    study.tell(failed.number, ended(None, "failed"))
    assert len(run_all(study)) == 1
    assert trials(n_trials=2).ask() is None
    assert trials(n_trials=2).failed() == [failed]
    retried = trials(n_trials=2)
    retried.retry_failed()
    (again,) = run_all(retried)
    assert (again.number, again.values) == (2, failed.values)
    assert trials(n_trials=2).failed() == []


@pytest.mark.parametrize("maximize", [False, True])
def test_divergence_is_worse_than_anything(trials: Open, maximize: bool) -> None:
    study = trials(n_trials=3, maximize=maximize)
    values = [None, 1.0, 2.0]
    for value in values:
        trial = study.ask()
        assert trial is not None
        study.tell(trial.number, ended(value, "diverged" if value is None else "finished"))
    best = study.best()
    assert best is not None
    assert best[1] == (2.0 if maximize else 1.0)
    assert study.n_ended == 3


@pytest.mark.proof
@pytest.mark.parametrize("sampler", ["tpe", "cmaes"])
def test_a_sampler_that_learns_comes_nearer_than_chance(trials: Open, sampler: str) -> None:
    def mean_of_last(name: str) -> float:
        last = run_all(trials(name, n_trials=24, space=SMOOTH, name=name))[-6:]
        return sum(map(bowl, last)) / 6

    assert mean_of_last(sampler) < 0.5 * mean_of_last("random")


def test_values_lie_in_their_ranges_and_spread_over_them(trials: Open) -> None:
    drawn = run_all(trials("halton", n_trials=16, space=SMOOTH))
    rates = sorted(math.log10(float(trial.values["optimizer.lr"])) for trial in drawn)
    assert -4 <= rates[0] < -3.2
    assert -0.8 < rates[-1] <= 0
    # evenly: each quarter of four decades has close to a quarter of the points
    counts = [sum(-4 + i <= rate < -3 + i for rate in rates) for i in range(4)]
    assert all(3 <= count <= 5 for count in counts)


def test_seeds_of_neighbouring_trials_are_unrelated() -> None:
    draws = [
        make_sampler({"sampler": "random", "seed": s, "startup_trials": 1}, {}, trial=t)
        for s in (0, 1)
        for t in range(3)
    ]
    firsts = {sampler._rng.rng.random() for sampler in draws}  # pyright: ignore[reportAttributeAccessIssue]
    assert len(firsts) == 6
