"""A run that a callback stops is told from one that came to its horizon, and goes on where it may."""

import json
from pathlib import Path
from typing import Any

import pytest
from pytorch_lightning.callbacks import Timer

from tests.training.conftest import read_checkpoint, repeatable_rows
from tuneformer.analysis.compare.read_runs import read_runs
from tuneformer.checks.config import check_config
from tuneformer.config.compose import compose_config
from tuneformer.errors import UserError
from tuneformer.runs.record import read_record
from tuneformer.training.callbacks.run_metrics import RunMetrics
from tuneformer.training.start import train

# the loss never falls by ten nats: the second validation, at step 20, is one too many
STOPPER = {
    "stopper": {
        "_target_": "pytorch_lightning.callbacks.EarlyStopping",
        "monitor": "val/loss",
        "patience": 1,
        "min_delta": 10.0,
    }
}
TIMER = {"timer": {"_target_": "pytorch_lightning.callbacks.Timer", "duration": {"hours": 1}}}


def train_with(overrides: list[str], callbacks: dict[str, Any], run: Path) -> float | None:
    config = check_config(*compose_config([*overrides, f"run_dir={run}"]))
    return train({**config, "callbacks": {**config["callbacks"], **callbacks}})


def test_early_stopping_is_the_end_of_a_run_and_part_of_what_it_is(
    tiny: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = tmp_path / "run"
    value = train_with(tiny, STOPPER, run)
    record = read_record(run / "record.json")
    assert (record.status, record.steps) == ("stopped", 20)
    assert record.stop is not None
    assert record.stop == {
        "step": 20,
        "horizon": 30,
        "by": "EarlyStopping",
        "reason": record.stop["reason"],
        "can_go_on": False,
    }
    assert "did not improve" in record.stop["reason"]
    assert "stopped at step 20 of 30, before its horizon, by EarlyStopping" in capsys.readouterr().out

    assert train_with(tiny, STOPPER, run) == value
    assert "run has stopped already at step 20 of 30" in capsys.readouterr().err
    with pytest.raises(UserError, match=r"holds a run with another configuration: callbacks\.stopper"):
        train_with(tiny, {}, run)

    # killed after its last checkpoint, before its record said how it ended
    was = json.loads((run / "record.json").read_text(encoding="utf-8"))
    killed = {**was, "status": "running", "stop": None}
    (run / "record.json").write_text(json.dumps(killed), encoding="utf-8")
    train_with(tiny, STOPPER, run)
    again = read_record(run / "record.json")
    assert (again.status, again.steps, again.stop) == ("stopped", 20, was["stop"])

    (trial,) = read_runs([run], metrics=["val/loss"]).trials
    assert trial.stopped
    assert trial.lived


def test_a_run_that_a_timer_stopped_goes_on_by_the_same_line(
    tiny: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    parts = [*tiny, "trainer.accumulate_grad_batches=2", "model.dropout=0.1"]
    train_with(parts, {}, tmp_path / "unbroken")

    run, seen = tmp_path / "run", [0]

    def count(_: RunMetrics, trainer: Any, *__: Any) -> None:
        seen[0] += 1

    with monkeypatch.context() as patch:
        patch.setattr(RunMetrics, "on_train_batch_start", count, raising=False)
        # in the middle of step 17
        patch.setattr(Timer, "time_elapsed", lambda *_: 7200.0 if seen[0] >= 33 else 0.0)
        train_with(parts, TIMER, run)
    record = read_record(run / "record.json")
    assert (record.status, record.steps) == ("stopped", 17)
    assert record.stop is not None
    assert (record.stop["by"], record.stop["can_go_on"]) == ("Timer", True)
    assert read_checkpoint(run)["global_step"] == 17
    assert record.final["test/loss"] > 0
    with pytest.raises(UserError, match=r"no run has ended \(1 stopped by its time, before its horizon\)"):
        read_runs([run], metrics=["val/loss"])

    train_with(parts, TIMER, run)
    assert read_record(run / "record.json").attempts[0]["status"] == "stopped"
    for name in ("val/loss", "train/loss"):
        expected, found = (
            {row["step"]: row[name] for row in repeatable_rows(each) if name in row and row["step"] != 17}
            for each in (tmp_path / "unbroken", run)
        )
        assert expected == found
    expected, found = (read_checkpoint(each) for each in (tmp_path / "unbroken", run))
    assert_same_weights(expected, found)
    assert_same_weights(*(read_checkpoint(each, "best.ckpt") for each in (tmp_path / "unbroken", run)))


def assert_same_weights(left: dict[str, Any], right: dict[str, Any]) -> None:
    for name, weights in left["state_dict"].items():
        assert weights.equal(right["state_dict"][name]), name
