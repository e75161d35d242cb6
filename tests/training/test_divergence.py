"""A loss that is no longer finite is a result: recorded, never saved, and not an error."""

import math
from pathlib import Path

import pytest
import torch

from tests.training.conftest import Fault, Train, TrainHere, read_checkpoint, repeatable_rows
from tuneformer.data.text.token_batches import TokenBatch
from tuneformer.runs.record import read_record
from tuneformer.tasks.language_modelling import LanguageModelling

EXPLODING = ["optimizer=sgd", "optimizer.lr=1e30", "scheduler=constant", "trainer.gradient_clip_val=null"]


def test_a_diverged_run_ends_with_status_0_and_a_record(
    tiny: list[str], train_in_child: Train, tmp_path: Path
) -> None:
    run = [*tiny, *EXPLODING, "run_dir=run", "callbacks.checkpoints.every_n_steps=1"]
    ended = train_in_child(run)
    assert ended.status == 0
    assert "Traceback" not in ended.output
    record = read_record(tmp_path / "run" / "record.json")
    assert (record.status, record.steps) == ("diverged", 4)
    assert record.error == "train/loss is not finite at step 4"
    assert [row["step"] for row in repeatable_rows(tmp_path / "run")] == [4]

    again = train_in_child(run, Fault(step=0))
    assert (again.status, again.output) == (0, "run has diverged already\n")


def test_a_diverged_run_is_worth_infinity_to_a_search(tiny: list[str], train_here: TrainHere) -> None:
    run = [*tiny, *EXPLODING, "run_dir=run"]
    assert train_here(run) == math.inf
    assert train_here(run) == math.inf


@pytest.mark.parametrize("lr", ["1e30", "1e38"])
def test_no_checkpoint_holds_weights_that_are_not_finite(
    lr: str, tiny: list[str], train_here: TrainHere, tmp_path: Path
) -> None:
    # with this decay the first step at 1e38 overflows, while its loss, of the weights before it, is finite
    every_step = "callbacks.checkpoints.every_n_steps=1"
    run = [*tiny, *EXPLODING, f"optimizer.lr={lr}", "optimizer.weight_decay=1e3", every_step, "run_dir=run"]
    assert train_here(run) == math.inf
    for file in (tmp_path / "run" / "checkpoints").iterdir():
        for name, weights in torch.load(file, weights_only=True)["state_dict"].items():
            assert weights.isfinite().all(), (file, name)


@pytest.mark.parametrize(("validate_every", "error"), [(10, "train/loss"), (9, "val/loss")])
def test_a_run_that_diverges_late_keeps_its_last_good_checkpoint(
    validate_every: int,
    error: str,
    tiny: list[str],
    train_here: TrainHere,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    loss = LanguageModelling.loss

    def spoilt(self: LanguageModelling, batch: TokenBatch) -> torch.Tensor:
        value = loss(self, batch)
        return value * math.nan if self.global_step >= 17 else value

    monkeypatch.setattr(LanguageModelling, "loss", spoilt)
    run = [*tiny, f"trainer.val_check_interval={validate_every}", "run_dir=run"]
    assert train_here(run) == math.inf
    record = read_record(tmp_path / "run" / "record.json")
    assert record.error == f"{error} is not finite at step {2 * validate_every}"
    assert record.best["step"] == validate_every
    assert record.final[error] == "nan"
    assert read_checkpoint(tmp_path / "run")["global_step"] == 14
    assert read_checkpoint(tmp_path / "run", "best.ckpt")["global_step"] == validate_every
