"""--multirun search=...: real runs, and what stops a search before its first."""

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.sweeps.conftest import SWEEP
from tuneformer.runs.metrics_file import read_rows

Command = Callable[..., Any]
Records = Callable[[], dict[str, dict[str, Any]]]


@pytest.mark.proof
def test_every_method_has_a_study_and_as_many_trials_and_the_same_line_goes_on(
    sweep: Command, records: Records
) -> None:
    answer = sweep("search=random", "optimizer=adamw,sgd", "hydra.sweeper.n_trials=1")
    assert answer.status == 0
    assert answer.err[-2] == "2 of 2 jobs done: outputs/sweeps/mine"
    first = records()
    answer = sweep("search=random", "optimizer=adamw,sgd", "hydra.sweeper.n_trials=2")
    assert answer.status == 0
    assert answer.err[-2] == "4 of 4 jobs done: outputs/sweeps/mine"
    assert sorted(line.split(":")[0] for line in answer.err if line.startswith("best of")) == [
        "best of optimizer=adamw",
        "best of optimizer=sgd",
    ]
    found = records()
    assert first.items() <= found.items()
    trials = sorted((record["search"]["study"], record["search"]["trial"]) for record in found.values())
    assert trials == [(f"mine/optimizer={name}", trial) for name in ("adamw", "sgd") for trial in (0, 1)]
    assert {record["search"]["sampler"] for record in found.values()} == {"random"}
    effort = json.loads(Path(SWEEP, "effort.json").read_text())["methods"]
    assert [each["trials"] for each in effort] == [2, 2]


@pytest.mark.proof
def test_a_trial_that_falls_behind_is_pruned_and_stays_so(sweep: Command, records: Records) -> None:
    line = [
        "search=adamw_tpe",
        "search.startup_trials=2",
        "search.pruner_warmup_steps=2",
        "hydra.sweeper.n_trials=6",
        "trainer.max_steps=6",
    ]
    answer = sweep(*line)
    assert answer.status == 0
    statuses = [record["status"] for record in records().values()]
    assert statuses.count("pruned") >= 1
    assert statuses.count("finished") >= 3
    pruned = [record for record in records().values() if record["status"] == "pruned"]
    assert all(record["steps"] in (2, 4) and "pruned at step" in record["error"] for record in pruned)
    before = records()
    again = sweep(*line)
    assert (again.status, again.err[-2]) == (0, "6 of 6 jobs done: outputs/sweeps/mine")
    assert records() == before


@pytest.mark.proof
def test_asha_ends_at_each_rung_the_trials_that_are_not_among_the_best(
    sweep: Command, records: Records
) -> None:
    answer = sweep(
        "search=random",
        "search.pruner=asha",
        "search.pruner_warmup_steps=2",
        "search.pruner_reduction=2",
        "hydra.sweeper.n_trials=8",
        "trainer.max_steps=8",
    )
    assert answer.status == 0
    rungs = (2, 4)
    reached: dict[int, list[float]] = {rung: [] for rung in rungs}
    found = sorted(records().items(), key=lambda item: item[1]["search"]["trial"])
    for name, record in found:
        losses = {
            row["step"]: row["val/loss"]
            for row in read_rows(SWEEP / name / "metrics.csv")
            if "val/loss" in row
        }
        ends = 8
        for rung in rungs:
            reached[rung].append(losses[rung])
            goes_on = max(1, len(reached[rung]) // 2)
            if losses[rung] > sorted(reached[rung])[goes_on - 1]:
                ends = rung
                break
        assert (record["steps"], record["status"]) == (ends, "finished" if ends == 8 else "pruned")
    assert {record["status"] for _, record in found} == {"finished", "pruned"}


def test_a_failed_trial_is_named_in_every_attempt_until_it_is_tried_again(
    sweep: Command, records: Records, monkeypatch: pytest.MonkeyPatch
) -> None:
    from tuneformer.training.callbacks.run_metrics import RunMetrics

    def fail(self: RunMetrics, trainer: Any, module: Any, batch: Any, batch_idx: int) -> None:
        raise RuntimeError("planted")

    line = ["search=random", "hydra.sweeper.n_trials=1"]
    with monkeypatch.context() as planted:
        planted.setattr(RunMetrics, "on_train_batch_start", fail)
        assert sweep(*line).status == 1
    again = sweep(*line)
    assert again.status == 1
    assert any(line.startswith("failed: ") and line.endswith("RuntimeError: planted") for line in again.err)
    assert sweep(*line, "retry_failed=true").status == 0
    assert sorted(record["status"] for record in records().values()) == ["failed", "finished"]


@pytest.mark.parametrize(
    ("overrides", "expected"),
    [
        (["search=random"], "hydra.sweeper.n_trials=None must be the number of trials"),
        (["search=random", f"hydra.sweeper.n_trials={10**30}"], f"hydra.sweeper.n_trials={10**30} must fit"),
        (
            ["search=random", f"hydra.sweeper.n_trials={10**18}"],
            f"hydra.sweeper.n_trials={10**18} must be at most 1,000,000,000,000",
        ),
        (["hydra.sweeper.n_trials=3"], "hydra.sweeper.n_trials=3 needs a search: choose search=random"),
        (
            ["search=random", "hydra.sweeper.n_trials=3", "search.spaces.adamw.optimizer.lr.low=1.0"],
            "search.spaces.adamw.optimizer.lr: low=1.0 must be below high=0.032",
        ),
        (
            ["search=adamw_tpe", "hydra.sweeper.n_trials=3", "optimizer=muon"],
            "search has no space for optimizer=muon; it has adamw",
        ),
        (
            ["search=random", "hydra.sweeper.n_trials=3", "optimizer.lr=1e-3", "optimizer.weight_decay=0"],
            "search.spaces.adamw is empty: optimizer.lr, optimizer.weight_decay given a value: there is",
        ),
        (
            ["search=random", "hydra.sweeper.n_trials=3", "search.storage=sqlite:////no/such/folder/t.db"],
            "search.storage=sqlite:////no/such/folder/t.db cannot be reached: unable to open database file",
        ),
        (
            ["search=random", "hydra.sweeper.n_trials=3", "search.sampler=gp"],
            "search.sampler=gp must be one of",
        ),
        (
            ["search=random", "hydra.sweeper.n_trials=3", "search.pruner=mean"],
            "search.pruner=mean must be one of",
        ),
        (
            ["search=random", "hydra.sweeper.n_trials=3", "optimized_metric=val/accuracyy"],
            "optimized_metric=val/accuracyy must be one of",
        ),
    ],
)
def test_a_search_that_cannot_run_is_one_line(sweep: Command, overrides: list[str], expected: str) -> None:
    answer = sweep(*overrides)
    assert answer.status == 2
    assert answer.err[-1].startswith(f"error: {expected}")
    assert not Path("outputs").exists()


INSTALLED_BY = "pip install 'psycopg[binary]' for postgresql+psycopg://, pymysql for mysql+pymysql://"


@pytest.mark.parametrize(
    ("sampler", "storage", "package", "expected"),
    [
        (
            "random",
            "null",
            "optuna",
            "search.sampler=random needs the package optuna: pip install 'tuneformer[search]'",
        ),
        (
            "cmaes",
            "null",
            "cmaes",
            "search.sampler=cmaes needs the package cmaes: pip install 'tuneformer[search]'",
        ),
        (
            "random",
            "'postgresql+psycopg://me:secret@127.0.0.1:1/x'",
            "psycopg",
            "search.storage=postgresql+psycopg://me:***@127.0.0.1:1/x needs a driver that is not installed"
            f" (no module psycopg): {INSTALLED_BY}",
        ),
        (
            "random",
            "'mysql+pymysql://me:secret@127.0.0.1:1/x'",
            "pymysql",
            "search.storage=mysql+pymysql://me:***@127.0.0.1:1/x needs a driver that is not installed"
            f" (no module pymysql): {INSTALLED_BY}",
        ),
    ],
)
def test_what_is_not_installed_is_one_line_that_says_how_it_is(
    sweep: Command,
    sampler: str,
    storage: str,
    package: str,
    expected: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(sys.modules, package, None)
    answer = sweep(f"search={sampler}", "hydra.sweeper.n_trials=3", f"search.storage={storage}")
    assert (answer.status, answer.err[-1]) == (2, f"error: {expected}")
    assert not Path("outputs").exists()
