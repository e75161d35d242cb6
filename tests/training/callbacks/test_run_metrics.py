"""The rows of metrics.csv against what the run did, observed from outside."""

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import pytorch_lightning as pl
import torch
from torch import Tensor

from tests.training.conftest import TrainHere, repeatable_rows
from tuneformer.data.text.token_batches import TokenBatch
from tuneformer.optim.schedules import cosine
from tuneformer.runs.metrics_file import read_rows
from tuneformer.tasks.language_modelling import LanguageModelling
from tuneformer.training.callbacks.run_metrics import RunMetrics, TrainingClock

LOGGED = [4, 8, 12, 16, 20, 24, 28, 30]


@pytest.fixture
def observed(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    """For each batch its loss, and, where it ends a step, the gradients before clipping."""
    seen: list[dict[str, Any]] = []
    loss, clip = LanguageModelling.loss, LanguageModelling.configure_gradient_clipping

    def observe_loss(self: LanguageModelling, batch: TokenBatch) -> Tensor:
        value = loss(self, batch)
        seen.append({"step": self.global_step + 1, "loss": value.item()})
        return value

    def observe_gradients(self: LanguageModelling, *args: Any, **settings: Any) -> None:
        seen[-1]["gradients"] = [
            p.grad.double().numpy().copy() for p in self.parameters() if p.grad is not None
        ]
        clip(self, *args, **settings)

    monkeypatch.setattr(LanguageModelling, "loss", observe_loss)
    monkeypatch.setattr(LanguageModelling, "configure_gradient_clipping", observe_gradients)
    return seen


def training_rows(run: Path) -> dict[int, dict[str, float]]:
    return {int(row["step"]): row for row in read_rows(run / "metrics.csv") if "train/loss" in row}


@pytest.mark.parametrize("accumulate", [1, 2])
def test_training_loss_is_the_mean_over_the_batches_since_the_row_before(
    accumulate: int, tiny: list[str], train_here: TrainHere, tmp_path: Path, observed: list[dict[str, Any]]
) -> None:
    train_here([*tiny, f"trainer.accumulate_grad_batches={accumulate}", "run_dir=run"])
    rows = training_rows(tmp_path / "run")
    assert list(rows) == LOGGED
    before = 0
    for step, row in rows.items():
        losses = [batch["loss"] for batch in observed if before < batch["step"] <= step]
        assert len(losses) == accumulate * (step - before)
        assert row["train/loss"] == pytest.approx(np.mean(losses), rel=1e-12)
        before = step


@pytest.mark.parametrize("clip", ["1.0", "0.01", "null"])
def test_gradient_norm_is_the_one_before_clipping(
    clip: str, tiny: list[str], train_here: TrainHere, tmp_path: Path, observed: list[dict[str, Any]]
) -> None:
    train_here([*tiny, f"trainer.gradient_clip_val={clip}", "run_dir=run"])
    for step, row in training_rows(tmp_path / "run").items():
        squares = sum((gradient**2).sum() for gradient in observed[step - 1]["gradients"])
        assert row["grad_norm"] == pytest.approx(math.sqrt(squares), rel=1e-5)


def test_tokens_count_every_sequence_of_every_step(
    tiny: list[str], train_here: TrainHere, tmp_path: Path
) -> None:
    train_here([*tiny, "trainer.accumulate_grad_batches=2", "run_dir=run"])
    for row in read_rows(tmp_path / "run" / "metrics.csv"):
        assert row["tokens"] == row["step"] * 4 * 16


def test_learning_rate_and_weight_decay_are_those_that_the_step_used(
    tiny: list[str], train_here: TrainHere, tmp_path: Path
) -> None:
    train_here([*tiny, "optimizer.lr=0.01", "optimizer.weight_decay=0.3", "run_dir=run"])
    for step, row in training_rows(tmp_path / "run").items():
        # a row's step counts steps done, a schedule's the step to come
        rate = 0.01 * cosine(step - 1, horizon=30, warmup=3, floor=0.1)
        for group in ("norms_and_biases", "embeddings", "matrices"):
            assert row[f"lr/{group}"] == pytest.approx(rate, rel=1e-12)
        assert row["weight_decay/matrices"] == 0.3
        assert row["weight_decay/embeddings"] == row["weight_decay/norms_and_biases"] == 0.0


def test_rows_are_written_at_the_interval_at_validations_and_at_the_last_step(
    tiny: list[str], train_here: TrainHere, tmp_path: Path
) -> None:
    train_here([*tiny, "trainer.max_steps=26", "trainer.val_check_interval=12", "run_dir=run"])
    rows = repeatable_rows(tmp_path / "run")
    assert [row["step"] for row in rows] == [4, 8, 12, 16, 20, 24, 26]
    assert [row["step"] for row in rows if "val/loss" in row] == [12, 24, 26]
    assert [row["step"] for row in rows if "test/loss" in row] == [26]
    assert [row["step"] for row in rows if "grad_norm" in row] == [4, 8, 12, 16, 20, 24, 26]


def test_an_interval_longer_than_the_run_still_gives_its_end(
    tiny: list[str], train_here: TrainHere, tmp_path: Path
) -> None:
    longer = ["trainer.log_every_n_steps=100", "trainer.val_check_interval=100"]
    train_here([*tiny, *longer, "run_dir=run"])
    (row,) = read_rows(tmp_path / "run" / "metrics.csv")
    assert row["step"] == 30
    assert {"train/loss", "val/loss", "test/loss"} <= set(row)


def test_accumulation_changes_no_row_beyond_rounding(
    tiny: list[str], train_here: TrainHere, tmp_path: Path
) -> None:
    for parts in (1, 2, 4):
        train_here([*tiny, f"trainer.accumulate_grad_batches={parts}", f"run_dir=run{parts}"])
    whole = repeatable_rows(tmp_path / "run1")
    for parts in (2, 4):
        for left, right in zip(whole, repeatable_rows(tmp_path / f"run{parts}"), strict=True):
            assert left == pytest.approx(right, rel=1e-4)


def test_seconds_and_throughput_leave_validation_out_and_add_up_over_restarts(
    tiny: list[str], train_here: TrainHere, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = 0.0

    def train_batch(module: LanguageModelling, *_: Any) -> None:
        nonlocal now
        now += module.global_step + 1  # step s takes s seconds
        if module.global_step == 18 and not resumed:
            raise RuntimeError("planted")

    def evaluate_batch(*_: Any) -> None:
        nonlocal now
        now += 1000

    resumed = False
    monkeypatch.setattr("tuneformer.training.callbacks.run_metrics.time.perf_counter", lambda: now)
    monkeypatch.setattr(LanguageModelling, "on_train_batch_start", train_batch, raising=False)
    monkeypatch.setattr(LanguageModelling, "on_validation_batch_start", evaluate_batch, raising=False)
    monkeypatch.setattr(LanguageModelling, "on_test_batch_start", evaluate_batch, raising=False)
    with pytest.raises(RuntimeError, match="planted"):
        train_here([*tiny, "run_dir=run"])
    resumed = True
    train_here([*tiny, "run_dir=run"])

    rows = read_rows(tmp_path / "run" / "metrics.csv")
    assert [row["seconds"] for row in rows] == [row["step"] * (row["step"] + 1) / 2 for row in rows]
    # since the row before, or since the restart from step 14
    for first, last in ((1, 4), (5, 8), (9, 12), (15, 16), (17, 20), (21, 24), (25, 28), (29, 30)):
        row = next(row for row in rows if row["step"] == last)
        assert row["throughput/step_ms"] == pytest.approx(1000 * (first + last) / 2)
        assert row["throughput/tokens_per_second"] == pytest.approx(64 / ((first + last) / 2))


@pytest.mark.fast
def test_a_stopped_clock_stands_and_a_started_one_goes_on(monkeypatch: pytest.MonkeyPatch) -> None:
    times = iter([10.0, 12.0, 20.0, 25.0])
    monkeypatch.setattr("tuneformer.training.callbacks.run_metrics.time.perf_counter", lambda: next(times))
    clock = TrainingClock(already=100.0)
    clock.start()
    clock.stop()
    assert clock.seconds() == 102.0
    clock.start()
    assert clock.seconds() == 107.0


@pytest.mark.fast
def test_state_of_the_metrics_survives_a_checkpoint() -> None:
    before = RunMetrics(unit="tokens", units_per_step=7, flops_per_unit=None)
    before.latest = {"train/loss": 1.25}
    before.validated_step = 20
    after = RunMetrics(unit="tokens", units_per_step=7, flops_per_unit=None)
    after.load_state_dict(before.state_dict())
    assert (after.latest, after.validated_step, after.seconds) == ({"train/loss": 1.25}, 20, 0.0)


def test_a_callback_that_reads_and_draws_changes_no_weight(
    tiny: list[str], train_here: TrainHere, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    train_here([*tiny, "model.dropout=0.2", "run_dir=quiet"])

    def draw(*_: Any) -> None:
        torch.rand(3)
        np.random.rand(3)

    for hook in (
        "on_train_batch_start",
        "on_before_backward",
        "on_after_backward",
        "on_before_zero_grad",
        "on_validation_batch_end",
    ):
        monkeypatch.setattr(pl.Callback, hook, draw)
    train_here([*tiny, "model.dropout=0.2", "run_dir=noisy"])
    quiet, noisy = (
        torch.load(tmp_path / name / "checkpoints" / "last.ckpt", weights_only=True)["state_dict"]
        for name in ("quiet", "noisy")
    )
    for name, weights in quiet.items():
        assert torch.equal(weights, noisy[name]), name
