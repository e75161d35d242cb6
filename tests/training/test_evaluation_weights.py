"""What is validated and kept, where it is not what trains: evaluating changes nothing."""

import signal
from pathlib import Path
from typing import Any

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
from tuneformer.errors import UserError
from tuneformer.runs.checkpoint_keys import EVALUATION_WEIGHTS
from tuneformer.runs.record import read_record

AVERAGES = [["callbacks=ema"], ["callbacks=tail_average", "callbacks.averaging.start=0.5"]]
SCHEDULE_FREE = ["optimizer=schedule_free_adamw", "scheduler=warmup"]


def trained_weights(run: Path) -> dict[str, Any]:
    return read_checkpoint(run)["state_dict"]


@pytest.mark.parametrize("choice", [*AVERAGES, SCHEDULE_FREE])
def test_evaluation_in_between_changes_nothing(
    choice: list[str], tiny: list[str], train_here: TrainHere, tmp_path: Path
) -> None:
    run = [*tiny, *choice, "trainer.max_steps=12"]
    train_here([*run, "run_dir=often", "trainer.val_check_interval=3"])
    train_here([*run, "run_dir=once", "trainer.val_check_interval=12"])
    assert_same_tree(trained_weights(tmp_path / "often"), trained_weights(tmp_path / "once"))
    assert_same_tree(
        read_checkpoint(tmp_path / "often")[EVALUATION_WEIGHTS],
        read_checkpoint(tmp_path / "once")[EVALUATION_WEIGHTS],
    )
    assert repeatable_rows(tmp_path / "often")[-1] == repeatable_rows(tmp_path / "once")[-1]


@pytest.mark.parametrize("choice", AVERAGES)
def test_an_average_changes_no_weight_that_trains_and_both_losses_are_logged(
    choice: list[str], tiny: list[str], train_here: TrainHere, tmp_path: Path
) -> None:
    short = [*tiny, "trainer.max_steps=12"]
    train_here([*short, "run_dir=plain"])
    train_here([*short, *choice, "run_dir=averaged"])
    assert_same_tree(trained_weights(tmp_path / "plain"), trained_weights(tmp_path / "averaged"))
    plain, averaged = (repeatable_rows(tmp_path / name)[-1] for name in ("plain", "averaged"))
    for split in ("val", "test"):
        assert averaged[f"{split}/last_weights_loss"] == plain[f"{split}/loss"]
        assert averaged[f"{split}/loss"] != plain[f"{split}/loss"]


@pytest.mark.parametrize("choice", [*AVERAGES, SCHEDULE_FREE])
def test_a_loaded_run_has_the_weights_that_were_tested(
    choice: list[str], tiny: list[str], train_here: TrainHere, tmp_path: Path
) -> None:
    train_here([*tiny, *choice, "data.max_validation_bytes=100000", "trainer.max_steps=20", "run_dir=run"])
    run = tuneformer.load_run(tmp_path / "run")
    trained = trained_weights(tmp_path / "run")
    assert any(not torch.equal(w, trained[f"model.{name}"]) for name, w in run.model.named_parameters())
    from tuneformer.inference.evaluation import evaluate

    measured = evaluate(run, split="test", device=torch.device("cpu"))["loss"]
    assert measured == pytest.approx(run.record.final["test/loss"], rel=1e-6)
    best = tuneformer.load_run(tmp_path / "run", checkpoint="best")
    measured = evaluate(best, split="validation", device=torch.device("cpu"))["loss"]
    assert measured == pytest.approx(run.record.best["val/loss"], rel=1e-6)


@pytest.mark.parametrize("choice", [*AVERAGES, SCHEDULE_FREE])
def test_a_killed_run_goes_on_with_its_average(
    choice: list[str], tiny: list[str], train_in_child: Train, tmp_path: Path
) -> None:
    run = [*tiny, *choice, "model.dropout=0.1"]
    assert train_in_child([*run, "run_dir=unbroken"]).status == 0
    for fault in (Fault(step=20), Fault(step=30, where="testing")):
        assert train_in_child([*run, "run_dir=killed"], fault).status == -signal.SIGKILL
    assert train_in_child([*run, "run_dir=killed"]).status == 0
    assert_same_run(tmp_path / "unbroken", tmp_path / "killed")


def test_two_averages_of_one_run_are_refused_before_anything_is_left(
    tiny: list[str], train_here: TrainHere, tmp_path: Path
) -> None:
    with pytest.raises(UserError, match=r"callbacks\.averaging does not go with AdamWScheduleFree"):
        train_here([*tiny, *SCHEDULE_FREE, "callbacks=ema", "run_dir=run"])
    assert not (tmp_path / "run").exists()


def test_an_average_makes_another_run(tiny: list[str], train_here: TrainHere, tmp_path: Path) -> None:
    train_here([*tiny, "run_dir=run"])
    with pytest.raises(UserError, match=r"callbacks\.averaging"):
        train_here([*tiny, "callbacks=ema", "run_dir=run"])
    assert read_record(tmp_path / "run" / "record.json").status == "finished"
