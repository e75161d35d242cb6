"""Checkpoints of one process and of two with sharded weights: each loads what the other wrote and goes on."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

import tuneformer
from tests.training.conftest import TrainHere, read_checkpoint, repeatable_rows
from tests.training.two_ranks import train_in_two_ranks
from tuneformer.checks.config import check_config
from tuneformer.config.compose import compose_config
from tuneformer.inference.evaluation import evaluate
from tuneformer.runs.record import read_record
from tuneformer.training.start import train

MIDDLE = 14
KEPT = f"callbacks.checkpoints.keep_every_n_steps={MIDDLE}"
# fused; not fused on shards; with a closure; with state of another shape than the weights; with scalars
OPTIMIZERS = ("adamw", "sgd", "sam", "adam_mini", "nadam")


@pytest.fixture(scope="module")
def ran(tiny: list[str], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of <optimizer>, a run of one process; <optimizer>_then_two, of which the second half was
    trained by two; and `two`, trained by two from its start."""
    folder = tmp_path_factory.mktemp("ran")
    in_two = {"two": [*tiny, KEPT, "trainer=fsdp"]}
    for name in OPTIMIZERS:
        run = [*tiny, KEPT, f"optimizer={name}"]
        train(check_config(*compose_config([*run, f"run_dir={folder / name}"])))
        cut_off(folder / name, folder / f"{name}_then_two")
        in_two[f"{name}_then_two"] = [*run, "trainer=fsdp"]
    train_in_two_ranks(in_two, folder)
    return folder


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
    """Equal but for the order in which floats were added."""
    for expected, found in zip(repeatable_rows(left), repeatable_rows(right), strict=True):
        assert found == pytest.approx(expected, rel=1e-5)
    weights, others = (read_checkpoint(run)["state_dict"] for run in (left, right))
    assert list(weights) == list(others)
    assert all((weights[name] - others[name]).abs().max() < 1e-5 for name in weights)


@pytest.mark.proof
@pytest.mark.timeout(600)
@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_what_one_process_wrote_two_sharded_ones_load_and_train_on(optimizer: str, ran: Path) -> None:
    went_on = ran / f"{optimizer}_then_two"
    assert_close(ran / optimizer, went_on)
    record = read_record(went_on / "record.json")
    assert (record.restarts, record.steps, record.hardware["devices"]) == (1, 30, 2)
    assert record.hardware["strategy"] == "ShardedStrategy"


@pytest.mark.proof
@pytest.mark.timeout(600)
def test_what_two_sharded_processes_wrote_one_loads_and_trains_on(
    tiny: list[str], train_here: TrainHere, ran: Path, tmp_path: Path
) -> None:
    cut_off(ran / "two", tmp_path / "two_then_one")
    train_here([*tiny, KEPT, "run_dir=two_then_one"])
    for run in (ran / "two", tmp_path / "two_then_one"):
        assert_close(ran / "adamw", run)
    assert read_record(tmp_path / "two_then_one" / "record.json").restarts == 1


@pytest.mark.proof
@pytest.mark.timeout(600)
def test_a_run_of_two_sharded_processes_is_loaded_and_evaluated_by_one(
    ran: Path, command: Callable[..., Any]
) -> None:
    run = tuneformer.load_run(ran / "two")
    written = read_checkpoint(ran / "two")["state_dict"]
    assert all(torch.equal(w, written[f"model.{name}"]) for name, w in run.model.state_dict().items())

    recorded = run.record.final
    for split, prefix in (("validation", "val"), ("test", "test")):
        found = evaluate(run, split=split, device=torch.device("cpu"))
        assert found == {name: pytest.approx(recorded[f"{prefix}/{name}"], rel=1e-5) for name in found}
    answer = command("scripts/evaluate.py", str(ran / "two"))
    assert (answer.status, answer.out[0]) == (0, f"{ran / 'two'}, last checkpoint, step 30")
    assert float(answer.out[1].split()[-1]) == pytest.approx(recorded["test/loss"], rel=1e-5)
