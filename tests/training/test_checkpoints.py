"""Checkpoints outlive damage and full disks, and hold what they say."""

import os
import zipfile
from collections.abc import Callable
from pathlib import Path
from random import Random
from typing import Any, cast

import pytest
import torch

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
from tuneformer.callbacks.checkpoints import Checkpoints
from tuneformer.data.text_data import TextData
from tuneformer.errors import UserError
from tuneformer.loading import load_checkpoint, read_archive
from tuneformer.runs.checkpoint_keys import ORIGIN
from tuneformer.runs.record import read_record, stored_record
from tuneformer.tasks.base import Task
from tuneformer.training import initial_weights
from tuneformer.training.assembly import build_callbacks
from tuneformer.training.origin import origin_of
from tuneformer.training.resume import checkpoint_step, is_whole, usable_checkpoint


def truncate(file: Path) -> None:
    os.truncate(file, file.stat().st_size // 2)


def pack(file: Path) -> None:
    """A checkpoint whose parts are packed, and might unpack to any size."""
    torch.save({"global_step": 4}, file)
    with zipfile.ZipFile(file) as archive:
        parts = {part.filename: archive.read(part) for part in archive.infolist()}
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in parts.items():
            archive.writestr(name, content)


def flip_one_bit_of_a_weight(file: Path) -> None:
    with zipfile.ZipFile(file) as archive:
        largest = max(archive.infolist(), key=lambda entry: entry.file_size)
        with archive.open(largest) as entry:
            content = entry.read()
    whole = bytearray(file.read_bytes())
    whole[whole.find(content) + len(content) // 2] ^= 1
    # in place, as a failing disk does: a hard link would show the same damage
    file.write_bytes(whole)


@pytest.mark.parametrize("damage", [truncate, flip_one_bit_of_a_weight])
def test_a_damaged_last_checkpoint_is_told_and_the_one_before_it_is_used(
    damage: Any, tiny: list[str], train_in_child: Train, tmp_path: Path
) -> None:
    assert train_in_child([*tiny, "run_dir=unbroken"]).status == 0
    run = [*tiny, "run_dir=damaged"]
    assert train_in_child(run, Fault(step=22)).status < 0
    last = tmp_path / "damaged" / "checkpoints" / "last.ckpt"
    assert checkpoint_step(last) == 21
    damage(last)
    again = train_in_child(run)
    assert again.status == 0
    assert "damaged/checkpoints: last.ckpt is damaged: going on from previous.ckpt, step 14\n" in again.output
    assert_same_run(tmp_path / "unbroken", tmp_path / "damaged")


def test_two_damaged_checkpoints_are_one_line_that_says_what_to_do(
    tiny: list[str], train_in_child: Train, tmp_path: Path
) -> None:
    run = [*tiny, "run_dir=run"]
    assert train_in_child(run, Fault(step=22)).status < 0
    record = (tmp_path / "run" / "record.json").read_bytes()
    for name in ("last.ckpt", "previous.ckpt"):
        truncate(tmp_path / "run" / "checkpoints" / name)
    again = train_in_child(run)
    assert again.status == 2
    assert again.output == (
        "error: run/checkpoints holds no usable checkpoint (last.ckpt, previous.ckpt damaged):"
        " remove it to start over\n"
    )
    assert (tmp_path / "run" / "record.json").read_bytes() == record


def test_any_flipped_bit_is_noticed_or_changes_nothing(tmp_path: Path) -> None:
    content = {"global_step": 3, "weights": torch.arange(40.0), "name": "checkpoint"}
    file = tmp_path / "last.ckpt"
    torch.save(content, file)
    whole = file.read_bytes()
    drawn = Random(0)
    noticed = 0
    for _ in range(600):
        spoilt = bytearray(whole)
        spoilt[drawn.randrange(len(whole))] ^= 1 << drawn.randrange(8)
        file.write_bytes(spoilt)
        if is_whole(file):
            assert_same_tree(torch.load(file, weights_only=True), content)
        else:
            noticed += 1
    assert noticed > 200


@pytest.mark.fast
def test_a_folder_without_checkpoints_starts_over_and_a_missing_last_one_uses_the_one_before(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert usable_checkpoint(tmp_path / "checkpoints") is None
    assert checkpoint_step(None) == 0
    torch.save({"global_step": 3}, tmp_path / "previous.ckpt")
    assert usable_checkpoint(tmp_path) == tmp_path / "previous.ckpt"
    told = f"{tmp_path}: last.ckpt is missing: going on from previous.ckpt, step 3\n"
    assert capsys.readouterr().err == told
    (tmp_path / "last.ckpt").touch()
    assert usable_checkpoint(tmp_path) == tmp_path / "previous.ckpt"
    told = f"{tmp_path}: last.ckpt is damaged: going on from previous.ckpt, step 3\n"
    assert capsys.readouterr().err == told
    torch.save({"global_step": 2}, tmp_path / "step_2.ckpt")
    (tmp_path / "previous.ckpt").unlink()
    assert usable_checkpoint(tmp_path) == tmp_path / "step_2.ckpt"
    told = "last.ckpt is damaged and previous.ckpt is missing: going on from step_2.ckpt, step 2\n"
    assert capsys.readouterr().err.endswith(told)


@pytest.mark.fast
@pytest.mark.timeout(60)
@pytest.mark.parametrize(
    "spoil",
    [
        os.mkfifo,
        Path.mkdir,
        lambda file: file.symlink_to("/dev/zero"),
        lambda file: torch.save([1, 2], file),
        lambda file: torch.save({"global_step": "x"}, file),
        pack,
    ],
    ids=["a named pipe", "a folder", "a device", "a list", "no step", "packed"],
)
def test_what_is_no_checkpoint_is_passed_over_and_never_waited_for(
    spoil: Callable[[Path], None], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    spoil(tmp_path / "last.ckpt")
    torch.save({"global_step": 3}, tmp_path / "previous.ckpt")
    assert usable_checkpoint(tmp_path) == tmp_path / "previous.ckpt"
    assert "last.ckpt is damaged: going on from previous.ckpt, step 3" in capsys.readouterr().err


@pytest.mark.fast
@pytest.mark.timeout(60)
@pytest.mark.parametrize("spoil", [os.mkfifo, pack], ids=["a named pipe", "packed"])
def test_every_opener_of_a_checkpoint_refuses_what_is_none(
    spoil: Callable[[Path], None], tmp_path: Path
) -> None:
    file = tmp_path / "initial.ckpt"
    spoil(file)
    for opener in (origin_of, checkpoint_step, read_archive):
        with pytest.raises((OSError, ValueError), match=r"a named pipe|its parts are packed"):
            opener(file)
    with pytest.raises(UserError, match=r"initial\.ckpt is damaged: remove it"):
        initial_weights._read_copy(file)  # pyright: ignore[reportPrivateUsage]
    with pytest.raises(UserError, match=r"initial\.ckpt is damaged: .*(a named pipe|packed)"):
        load_checkpoint(file)


@pytest.mark.fast
def test_checkpoints_are_opened_in_one_place() -> None:
    package = Path(tuneformer.__file__).parent
    openers = [file.name for file in package.rglob("*.py") if "torch.load(" in file.read_text("utf-8")]
    assert openers == ["loading.py"]


ATTEMPT = {"first_step": 0, "last_step": 2, "seconds": 1.0, "status": "running", "hardware": {}}


@pytest.mark.fast
@pytest.mark.parametrize(
    "changed",
    [
        {"attempts": []},
        {"attempts": 3},
        {"attempts": [ATTEMPT | {"hardware": {"threads": "4"}}]},
        {"config_hash": ["a"]},
        {"fingerprint": None},
        {"rows": {"count": 2, "digest": "a", "last": {}}},
        {"rows": {"count": "2", "digest": "a", "last": {"step": 1}}},
    ],
)
def test_what_a_checkpoint_says_of_its_run_counts_if_it_is_of_its_types(
    changed: dict[str, Any], tmp_path: Path
) -> None:
    origin = {"config_hash": "a", "started": "", "restarts": 0, "attempts": [ATTEMPT], "lost": []}
    origin |= {"fastest": None, "init": None, "wall_seconds": 1.0, "fingerprint": "b"}
    origin |= {"rows": {"count": 2, "digest": "c", "last": {"step": 2, "train/loss": 0.5}}}
    torch.save({"global_step": 2, ORIGIN: origin}, tmp_path / "last.ckpt")
    assert origin_of(tmp_path / "last.ckpt") == origin
    torch.save({"global_step": 2, ORIGIN: origin | changed}, tmp_path / "last.ckpt")
    assert origin_of(tmp_path / "last.ckpt") is None


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
    assert (record["status"], record["error"]) == ("failed", errors[0].removeprefix("error: "))
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
    assert stored_record(tmp_path / "full" / "record.json")["status"] == "running"


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
    assert record["metrics"]["best"]["val/loss"] == rows[10]
    assert record["metrics"]["best"]["step"] == 10

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
    assert read_record(tmp_path / "run" / "record.json")["metrics"]["best"] == {}


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
