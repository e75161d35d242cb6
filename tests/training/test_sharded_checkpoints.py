"""A checkpoint of two processes with sharded weights loads and goes on in one."""

import json
import shutil
from pathlib import Path

import pytest
import torch

import tuneformer
from tests.training.conftest import TrainHere, read_checkpoint, repeatable_rows
from tests.training.two_ranks import train_in_two_ranks
from tuneformer.runs.record import read_record

MIDDLE = 14
KEPT = f"callbacks.checkpoints.keep_every_n_steps={MIDDLE}"


def cut_off(run: Path, copy: Path) -> None:
    """The run as it would be if it had been killed right after its checkpoint in the middle."""
    shutil.copytree(run, copy)
    checkpoints = copy / "checkpoints"
    (checkpoints / f"step_{MIDDLE}.ckpt").rename(checkpoints / "middle")
    for later in checkpoints.glob("*.ckpt"):
        later.unlink()
    (checkpoints / "middle").rename(checkpoints / "last.ckpt")
    record = json.loads((copy / "record.json").read_text())
    (copy / "record.json").write_text(json.dumps(record | {"status": "interrupted"}))


def assert_close(left: Path, right: Path) -> None:
    for expected, found in zip(repeatable_rows(left), repeatable_rows(right), strict=True):
        assert found == pytest.approx(expected, rel=1e-4)
    weights, others = (read_checkpoint(run)["state_dict"] for run in (left, right))
    assert list(weights) == list(others)
    assert all((weights[name] - others[name]).abs().max() < 1e-4 for name in weights)


@pytest.mark.proof
@pytest.mark.timeout(600)
def test_what_two_sharded_processes_wrote_one_loads_and_trains_on(
    tiny: list[str], train_here: TrainHere, tmp_path: Path
) -> None:
    run = [*tiny, KEPT]
    train_here([*run, "run_dir=one"])
    assert train_in_two_ranks({"two": [*run, "trainer=fsdp"]}, tmp_path) == {}
    assert read_record(tmp_path / "two" / "record.json")["hardware"]["strategy"] == "ModelParallelStrategy"

    loaded = tuneformer.load_run(tmp_path / "two").model.state_dict()
    written = read_checkpoint(tmp_path / "two")["state_dict"]
    assert loaded
    assert all(torch.equal(weights, written[f"model.{name}"]) for name, weights in loaded.items())

    cut_off(tmp_path / "two", tmp_path / "two_then_one")
    train_here([*run, "run_dir=two_then_one"])
    for name in ("two", "two_then_one"):
        assert_close(tmp_path / "one", tmp_path / name)
    assert read_record(tmp_path / "two_then_one" / "record.json")["restarts"] == 1
