"""Checkpoints outlive damage and full disks, and hold what they say."""

import os
from pathlib import Path
from typing import Any, cast

import pytest

import tuneformer
from tests.training.conftest import (
    Fault,
    Train,
    TrainHere,
    assert_same_run,
    assert_same_tree,
    read_checkpoint,
    repeatable_rows,
)
from tuneformer.data.text.text_data import TextData
from tuneformer.errors import UserError
from tuneformer.runs.record import read_record, stored_record
from tuneformer.tasks.base import Task
from tuneformer.training.assembly import build_callbacks
from tuneformer.training.callbacks.checkpoints import Checkpoints
from tuneformer.training.resume import checkpoint_step


def test_a_full_disk_is_one_line_and_the_last_checkpoint_survives(
    tiny: list[str], train_in_child: Train, tmp_path: Path
) -> None:
    assert train_in_child([*tiny, "run_dir=unbroken"]).status == 0
    run = [*tiny, "run_dir=full"]
    assert train_in_child(run, Fault(step=16)).status < 0
    largest = (tmp_path / "full" / "checkpoints" / "last.ckpt").stat().st_size // 2
    full = train_in_child(run, file_size=largest)
    assert full.status == 2
    errors = [line for line in full.output.splitlines() if line.startswith("error: ")]
    assert errors == [
        "error: full/checkpoints/last.ckpt cannot be written at step 21: [Errno 27] File too large;"
        " what it held before is kept"
    ]
    assert "Traceback" not in full.output
    record = read_record(tmp_path / "full" / "record.json")
    assert (record.status, record.error) == ("failed", errors[0].removeprefix("error: "))
    assert read_checkpoint(tmp_path / "full")["global_step"] == 14
    assert not list((tmp_path / "full").rglob("*.tmp"))

    assert train_in_child(run).status == 0
    assert_same_run(tmp_path / "unbroken", tmp_path / "full")


def test_a_disk_that_is_full_for_every_file_is_still_one_line(
    tiny: list[str], train_in_child: Train, tmp_path: Path
) -> None:
    run = [*tiny, "run_dir=full"]
    assert train_in_child(run, Fault(step=16)).status < 0
    full = train_in_child(run, file_size=100, from_step=18)
    assert full.status == 2
    assert len([line for line in full.output.splitlines() if line.startswith("error: ")]) == 1
    assert "Traceback" not in full.output, full.output
    assert read_checkpoint(tmp_path / "full")["global_step"] == 14
    assert "cannot be written" in full.output
    assert stored_record(tmp_path / "full" / "record.json").status == "running"


def test_best_checkpoint_holds_the_weights_of_the_lowest_validation_loss(
    tiny: list[str], train_here: TrainHere, tmp_path: Path
) -> None:
    # the rate rises so far that the loss at step 20 is several times that at step 10, whatever the rounding
    rising = ["optimizer.lr=10", "scheduler=warmup", "scheduler.warmup=19", "trainer.max_steps=20"]
    train_here([*tiny, *rising, "callbacks.checkpoints.every_n_steps=10", "run_dir=run"])
    rows = {row["step"]: row["val/loss"] for row in repeatable_rows(tmp_path / "run") if "val/loss" in row}
    assert rows[20] > 2 * rows[10]
    best = read_checkpoint(tmp_path / "run", "best.ckpt")
    assert best["global_step"] == 10
    assert "optimizer_states" not in best
    record = read_record(tmp_path / "run" / "record.json")
    assert record.best["val/loss"] == rows[10]
    assert record.best["step"] == 10

    assert tuneformer.load_run(tmp_path / "run", checkpoint="best").step == 10
    of_the_step = read_checkpoint(tmp_path / "run", "previous.ckpt")
    assert of_the_step["global_step"] == 10
    assert_same_tree(best["state_dict"], of_the_step["state_dict"])


def test_no_best_checkpoint_is_kept_where_none_is_asked_for(
    tiny: list[str], train_here: TrainHere, tmp_path: Path
) -> None:
    train_here([*tiny, "callbacks.checkpoints.best_metric=null", "run_dir=run"])
    kept = sorted(file.name for file in (tmp_path / "run" / "checkpoints").iterdir())
    assert kept == ["last.ckpt", "previous.ckpt"]
    assert read_record(tmp_path / "run" / "record.json").best == {}


def test_the_previous_checkpoint_is_another_file_than_the_last_one(
    tiny: list[str], train_here: TrainHere, tmp_path: Path
) -> None:
    train_here([*tiny, "run_dir=run"])
    last, previous = (tmp_path / "run" / "checkpoints" / name for name in ("last.ckpt", "previous.ckpt"))
    assert not last.samefile(previous)
    assert (checkpoint_step(last), checkpoint_step(previous)) == (30, 28)


def test_checkpoints_are_kept_on_a_file_system_without_hard_links(
    tiny: list[str], train_here: TrainHere, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: Any, **__: Any) -> None:
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(os, "link", refuse)
    train_here([*tiny, "run_dir=run"])
    assert checkpoint_step(tmp_path / "run" / "checkpoints" / "previous.ckpt") == 28


@pytest.mark.fast
def test_callbacks_that_would_not_keep_the_run_safe_are_refused() -> None:
    with pytest.raises(UserError, match=r"^callbacks has no checkpoints: start the file with"):
        build_callbacks({}, data=cast(TextData, None), task=cast(Task, None), flops_per_unit=None)


@pytest.mark.fast
def test_the_lowest_metric_so_far_is_part_of_a_checkpoint() -> None:
    before = Checkpoints(every_n_steps=5, keep_every_n_steps=None, best_metric="val/loss")
    before.best = {"val/loss": 1.5, "step": 10.0}
    after = Checkpoints(every_n_steps=5, keep_every_n_steps=None, best_metric="val/loss")
    after.load_state_dict(before.state_dict())
    assert after.best == before.best


@pytest.mark.proof
def test_a_compiled_run_has_the_names_and_nearly_the_weights_of_one_that_is_not(
    tiny: list[str], train_in_child: Train, tmp_path: Path
) -> None:
    for compiled in ("false", "true"):
        ended = train_in_child(
            [*tiny, f"trainer.compile={compiled}", "callbacks=default", f"run_dir=run-{compiled}"]
        )
        assert ended.status == 0
        assert "Warning" not in ended.output
        assert "a sample of what it writes" in ended.output
    plain, fused = (read_checkpoint(tmp_path / name)["state_dict"] for name in ("run-false", "run-true"))
    assert list(plain) == list(fused)
    for name, weights in plain.items():
        assert (weights - fused[name]).abs().max() < 1e-3, name
    assert tuneformer.load_run(tmp_path / "run-true").step == 30
