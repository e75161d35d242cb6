"""Checkpoints that are damaged, missing, or none: told in one line, and passed over where another is."""

import os
import zipfile
from collections.abc import Callable
from pathlib import Path
from random import Random
from typing import Any

import pytest
import torch

import tuneformer
from tests.training.conftest import (
    Fault,
    Train,
    assert_same_run,
    assert_same_tree,
)
from tuneformer.errors import UserError
from tuneformer.inference.loading import load_checkpoint, read_archive
from tuneformer.runs.checkpoint_keys import ORIGIN
from tuneformer.training import initial_weights
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
