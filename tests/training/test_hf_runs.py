"""Runs of models of transformers: trained, broken, gone on with, loaded, used."""

from pathlib import Path
from typing import Any

import pytest
import pytorch_lightning as pl
import torch

from tests.training.conftest import (
    TrainHere,
    assert_same_run,
    check_two_ranks_against_one,
    read_checkpoint,
)
from tuneformer import load_run
from tuneformer.runs.record import read_record
from tuneformer.training.callbacks.run_metrics import RunMetrics


@pytest.fixture
def hf(tiny: list[str]) -> list[str]:
    """The overrides of a short run of 12 steps."""
    ours = ("model.n_layers", "trainer.max_steps", "trainer.val_check_interval")
    kept = [line for line in tiny if not line.startswith(ours)]
    steps = ["trainer.max_steps=12", "trainer.val_check_interval=6", "trainer.log_every_n_steps=3"]
    return [*kept, "model=hf", "model.n_layers=2", "model.n_heads=2", *steps]


class BrokenError(Exception):
    """What ends a run in the middle of a step, in this process."""


def test_a_broken_run_goes_on_to_the_same_bits_and_is_used_without_what_it_was_made_from(
    hf: list[str], train_here: TrainHere, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = [*hf, "model.config=gpt2", "model.dropout=0.1", "optimizer=muon", "callbacks=ema"]
    train_here([*run, "run_dir=unbroken"])

    def breaks(_: RunMetrics, trainer: pl.Trainer, *__: object) -> None:
        if trainer.global_step == 8:
            raise BrokenError

    with monkeypatch.context() as broken:
        broken.setattr(RunMetrics, "on_train_batch_start", breaks, raising=False)
        with pytest.raises(BrokenError):
            train_here([*run, "run_dir=broken"])
    train_here([*run, "run_dir=broken"])
    assert_same_run(tmp_path / "unbroken", tmp_path / "broken")

    loaded = load_run(tmp_path / "unbroken")
    network: Any = loaded.model.network
    assert network.lm_head.weight is network.transformer.wte.weight
    averaged = read_checkpoint(tmp_path / "unbroken")["evaluation_weights"]["network.transformer.wte.weight"]
    assert torch.equal(network.transformer.wte.weight, averaged)
    assert network.config.resid_pdrop == 0.1
    assert (tmp_path / "unbroken" / "sample.txt").read_text(encoding="utf-8")


@pytest.mark.proof
def test_two_processes_give_the_rows_of_one(hf: list[str], train_here: TrainHere, tmp_path: Path) -> None:
    runs = {name: [*hf, f"model.config={name}"] for name in ("llama", "gpt2")}
    check_two_ranks_against_one(runs, train_here, tmp_path)


@pytest.mark.proof
@pytest.mark.parametrize("name", ["mistral", "qwen3", "gemma", "phi3", "gpt_neox", "opt", "mamba", "mixtral"])
def test_other_architectures_train(name: str, hf: list[str], train_here: TrainHere, tmp_path: Path) -> None:
    optimizers = ("adamw", "muon")
    for optimizer in optimizers:
        train_here(
            [
                *hf,
                f"model.config={name}",
                f"optimizer={optimizer}",
                "callbacks=diagnostics",
                f"run_dir={optimizer}",
            ]
        )
        record = read_record(tmp_path / optimizer / "record.json")
        assert record.status == "finished"
        assert record.final["val/loss"] < 5.6
