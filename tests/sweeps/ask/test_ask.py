"""search=ask with real runs: an answer, going on, more budget, and what stops it before the first run."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.sweeps.conftest import SWEEP
from tests.sweeps.processes import Start, finish_under_kills, records_of
from tuneformer.cli.ask import in_full
from tuneformer.sweeps.launchers import train_job

Command = Callable[..., Any]
Records = Callable[[], dict[str, dict[str, Any]]]
LEAST = ["search=ask", "optimizer=adamw,sgd", "hydra.sweeper.budget=12runs"]


def answer() -> dict[str, Any]:
    return json.loads((SWEEP / "answer.json").read_text())


def test_a_question_has_an_answer_and_the_same_line_trains_nothing_again(
    sweep: Command, records: Records
) -> None:
    first = sweep(*LEAST)
    assert first.status == 0
    assert first.err[-2] == "12 of 12 jobs done: outputs/sweeps/mine"
    assert any(line.startswith("ask: 2 methods, 12 runs: 3 trials tune each") for line in first.err)
    found = records()
    roles = [record["search"]["role"] for record in found.values()]
    assert (roles.count("explore"), roles.count("report")) == (6, 6)
    assert {record["seed"] for record in found.values() if record["search"]["role"] == "report"} == {
        1000,
        1001,
        1002,
    }
    given = answer()
    assert {each["name"] for each in given["methods"]} == {"optimizer=adamw", "optimizer=sgd"}
    assert {each["trials"] for each in given["methods"]} == {3}
    assert all(given["sentences"][0].startswith(each["name"]) for each in given["methods"][:1])
    of_best = [r for r in found.values() if r["search"]["study"].endswith(given["methods"][0]["name"])]
    reported = [r["metrics"]["final"]["test/loss"] for r in of_best if r["search"]["role"] == "report"]
    assert given["methods"][0]["mean"] == pytest.approx(sum(reported) / 3)
    for page in ("comparison.html", "comparison.csv"):
        assert (SWEEP / page).exists()

    again = sweep(*LEAST)
    assert (again.status, records()) == (0, found)
    assert answer() == given


@pytest.mark.proof
def test_more_budget_goes_on_and_another_question_is_refused(sweep: Command, records: Records) -> None:
    assert sweep(*LEAST).status == 0
    found = records()
    more = sweep("search=ask", "optimizer=adamw,sgd", "hydra.sweeper.budget=16runs", "search.detect=0.02")
    assert more.status == 0
    added = records().keys() - found.keys()
    assert {records()[name]["search"]["role"] for name in added} <= {"report"}
    assert found.items() <= records().items()

    asked_first = "the question was first asked with 12 runs"
    for overrides, line in (
        (["hydra.sweeper.budget=8runs"], f"hydra.sweeper.budget=8 runs: {asked_first}"),
        (["hydra.sweeper.budget=1h"], f"hydra.sweeper.budget=1 h: {asked_first}"),
        (["optimizer=adamw,muon"], "sweep=mine holds another question"),
        (["search.detect=0.5"], "sweep=mine holds another question"),
    ):
        refused = sweep(*LEAST, *overrides)
        assert refused.status == 2
        assert refused.err[-1].startswith(f"error: {line}")


@pytest.mark.parametrize(
    ("overrides", "line"),
    [
        ([], "search=ask needs a budget: hydra.sweeper.budget=64runs, 200000steps or 2h"),
        (["hydra.sweeper.budget=12"], "hydra.sweeper.budget=12 must be a number of runs, steps or time"),
        (["hydra.sweeper.budget=0runs"], "hydra.sweeper.budget=0runs must be a number of runs"),
        (["hydra.sweeper.budget=-3h"], "hydra.sweeper.budget=-3h must be a number of runs"),
        (
            ["hydra.sweeper.budget=11runs", "optimizer=adamw,sgd"],
            "hydra.sweeper.budget: 11 runs are too few for 2 methods: 12 runs buy 3 trials of tuning",
        ),
        (["hydra.sweeper.budget=40runs", "seed=0,1"], "seed cannot have several values with search=ask"),
        (
            ["hydra.sweeper.budget=40runs", "trainer.max_steps=3,4"],
            "trainer.max_steps cannot have several values with search=ask: search.horizons lists lengths",
        ),
        (
            ["hydra.sweeper.budget=40runs", "search.horizons=[3,3]"],
            "search.horizons=[3,3] gives a length twice",
        ),
        (
            ["hydra.sweeper.budget=40runs", "search.baseline=adam", "optimizer=adamw,sgd"],
            "search.baseline=adam is not one of the methods: did you mean adamw?",
        ),
        (
            ["hydra.sweeper.budget=40runs", "optimized_metric=test/loss"],
            "optimized_metric=test/loss cannot choose settings: search=ask chooses on validation (val/...)",
        ),
        (["hydra.sweeper.budget=40runs", "seed=4294967295"], "seed=4294967295 is too large for search=ask"),
        (["hydra.sweeper.budget=40runs", "search.detect=0"], "search.detect=0 must be positive"),
        (
            ["hydra.sweeper.budget=40runs", "hydra.sweeper.n_trials=3"],
            "hydra.sweeper.n_trials=3 is not used by search=ask: give hydra.sweeper.budget",
        ),
    ],
)
def test_what_cannot_be_asked_is_one_line_and_runs_nothing(
    sweep: Command, overrides: list[str], line: str
) -> None:
    found = sweep("search=ask", *overrides)
    assert found.status == 2
    assert found.err[-1].startswith(f"error: {line}")
    assert not SWEEP.exists()


def test_a_budget_is_for_a_question(sweep: Command) -> None:
    found = sweep("hydra.sweeper.budget=3runs", "seed=0,1")
    assert (found.status, found.err[-1]) == (
        2,
        "error: hydra.sweeper.budget=3runs is for a question: choose search=ask",
    )


@pytest.mark.proof
def test_the_baseline_is_checked_and_a_run_that_fails_counts_as_diverged_the_second_time(
    sweep: Command, records: Records, monkeypatch: pytest.MonkeyPatch
) -> None:
    line = ["search=ask", "optimizer=adamw,sgd", "hydra.sweeper.budget=56runs", "trainer.max_steps=2"]
    trained = train_job.train

    def failing(config: dict[str, Any]) -> float | None:
        if "momentum" in config["optimizer"] and config["seed"] == 1000:
            raise RuntimeError("planted")
        return trained(config)

    monkeypatch.setattr(train_job, "train", failing)
    first = sweep(*line)
    assert first.status == 1
    assert "ask: the same line again goes on, and counts runs that failed as diverged" in first.err
    assert not (SWEEP / "answer.json").exists()
    second = sweep(*line)
    assert any(text.startswith("ask: counts as diverged: ") for text in second.err)
    assert any(text.startswith("optimizer=sgd diverged with 1 of ") for text in second.err)
    assert "model.initialization=xavier" in answer()["check"]["tried"]
    roles = [record["search"]["role"] for record in records().values()]
    assert 0 < roles.count("check") <= 14


@pytest.mark.proof
def test_a_budget_of_time_goes_on(sweep: Command, records: Records) -> None:
    line = ["search=ask", "optimizer=adamw,sgd", "hydra.sweeper.budget=60s", "search.check=false"]
    assert sweep(*line).status == 0
    found = records()
    assert sweep(*line).status == 0
    assert records() == found


@pytest.mark.proof
def test_lengths_are_asked_about_each_by_itself(sweep: Command, records: Records) -> None:
    found = sweep(*LEAST[:2], "search.horizons=[2,4]", "hydra.sweeper.budget=72steps")
    assert found.status == 0, found.err
    lengths = [record["steps"] for record in records().values()]
    assert (lengths.count(2), lengths.count(4)) == (12, 12)
    assert {(pair["first"], pair["second"]) for pair in answer()["pairs"]} == {
        (f"optimizer=adamw at {steps} steps", f"optimizer=sgd at {steps} steps") for steps in (2, 4)
    }


def test_the_short_command_is_the_long_one() -> None:
    assert in_full(["optimizer=adamw,muon", "budget=2h", "--detect", "0.01", "sweep=mine"]) == [
        "optimizer=adamw,muon",
        "hydra.sweeper.budget=2h",
        "search.detect=0.01",
        "sweep=mine",
    ]
    assert in_full(["--budget=3runs", "detect=1"]) == ["hydra.sweeper.budget=3runs", "search.detect=1"]


@pytest.mark.proof
@pytest.mark.timeout(900)
def test_a_question_killed_at_random_moments_has_the_answer_of_an_undisturbed_one(start: Start) -> None:
    line = ["search=ask", "optimizer=adamw,sgd", "hydra.sweeper.budget=16runs", "launcher=local"]
    line += ["launcher.n_jobs=2", "trainer.max_steps=100", "callbacks.checkpoints.every_n_steps=20"]
    finish_under_kills(lambda: start(*line), kills=4, seed=2)
    undisturbed = start(*line, sweep="undisturbed")
    undisturbed.communicate(timeout=600)
    assert undisturbed.returncode == 0
    answers = [
        json.loads(Path("outputs/sweeps", name, "answer.json").read_text())
        for name in ("mine", "undisturbed")
    ]
    for each in answers:
        for key in ("spent", "command", "sentences"):
            each.pop(key)
        for method in each["methods"]:
            method.pop("cost_of_a_run")
    assert answers[0] == answers[1]
    assert sum(record["restarts"] for record in records_of("mine").values()) > 0
