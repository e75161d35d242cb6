"""Runs that train a part of a model, at rates of their own: to the same bits after a break, and recorded."""

import re
from pathlib import Path
from typing import Any

import pytest
import pytorch_lightning as pl
import torch

from tests.models.hf.models import model_of
from tests.training.conftest import (
    TrainHere,
    assert_same_run,
    check_two_ranks_against_one,
    read_checkpoint,
)
from tuneformer import load_run
from tuneformer.analysis.attention.subject import read_subject
from tuneformer.inference.evaluation import evaluate
from tuneformer.inference.exporting import export
from tuneformer.models.hf.conv1d import as_the_library_has_it
from tuneformer.models.hf.library import transformers
from tuneformer.runs.metrics_file import read_rows
from tuneformer.runs.record import read_record
from tuneformer.training.callbacks.run_metrics import RunMetrics

STEPS = ["trainer.max_steps=12", "trainer.val_check_interval=6", "trainer.log_every_n_steps=3"]


@pytest.fixture
def short(tiny: list[str]) -> list[str]:
    """The overrides of a short run of 12 steps and two layers."""
    ours = ("model.n_layers", "trainer.max_steps", "trainer.val_check_interval", "trainer.log_every")
    kept = [line for line in tiny if not line.startswith(ours)]
    return [*kept, *STEPS, "model.n_layers=2"]


class BrokenError(Exception):
    """What ends a run in the middle of a step, in this process."""


def break_at(step: int, patch: pytest.MonkeyPatch) -> None:
    """Make the next run end so before its step."""

    def breaks(_: RunMetrics, trainer: pl.Trainer, *__: object) -> None:
        if trainer.global_step == step:
            raise BrokenError

    patch.setattr(RunMetrics, "on_train_batch_start", breaks, raising=False)


@pytest.mark.parametrize("optimizer", ["adamw", "muon", "soap"])
def test_a_broken_run_with_frozen_layers_goes_on_to_the_same_bits(
    optimizer: str, short: list[str], train_here: TrainHere, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fine = ["param_groups.freeze_layers=1", "param_groups.layer_decay=0.5", "callbacks=diagnostics"]
    run = [*short, *fine, f"optimizer={optimizer}", "model.tie_embeddings=false", "scheduler=constant"]
    train_here([*short, "run_dir=start", "model.tie_embeddings=false", "seed=3"])
    start = ["init_from=start"]
    train_here([*run, *start, "run_dir=whole"])
    with monkeypatch.context() as patch:
        break_at(8, patch)
        with pytest.raises(BrokenError):
            train_here([*run, *start, "run_dir=broken"])
    train_here([*run, *start, "run_dir=broken"])
    assert_same_run(tmp_path / "whole", tmp_path / "broken")

    before, after = (read_checkpoint(tmp_path / each)["state_dict"] for each in ("start", "whole"))
    frozen = {name for name in before if re.search(r"embedding|blocks\.0\.", name)}
    assert frozen
    for name, weight in before.items():
        assert torch.equal(weight, after[name]) == (name in frozen or "rotary" in name), name
    record = read_record(tmp_path / "whole" / "record.json")
    numbers = sum(after[name].numel() for name in before if name not in frozen and "rotary" not in name)
    assert record.model["trained_parameters"] == numbers < record.model["parameters"]

    row = read_rows(tmp_path / "whole" / "metrics.csv")[-1]
    if optimizer == "adamw":
        assert row["lr/matrices"] == row["lr/output"] * 0.5
    assert not [name for name in row if re.search(r"decoder\.0|embedding", name) and name.startswith("grad")]
    assert [name for name in row if "decoder.1" in name]


@pytest.fixture
def pretrained(tmp_path: Path) -> Path:
    """A folder of transformers with a GPT-2 of two layers."""
    network: Any = model_of("gpt2", "data.vocab_size=256", "data.context_length=16").network
    state = as_the_library_has_it(network, network.state_dict())
    network.save_pretrained(tmp_path / "pretrained", state_dict=state)
    return tmp_path / "pretrained"


def on_adapters(short: list[str], pretrained: Path) -> list[str]:
    """The same run with adapters beside the matrices of a pretrained model."""
    kept = [line for line in short if not line.startswith(("model.n_layers", "model.d_model"))]
    sizes = ["model.n_layers=null", "model.n_heads=null", "model.d_model=null"]
    return [*kept, *sizes, "model=hf", f"model.path={pretrained}", "model.lora_rank=2"]


def test_a_broken_run_of_adapters_goes_on_to_the_same_bits_and_is_used_as_a_plain_model(
    short: list[str],
    pretrained: Path,
    train_here: TrainHere,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    run = [*on_adapters(short, pretrained), "model.lora_dropout=0.1", "optimizer=muon", "optimizer.lr=0.05"]
    run += ["callbacks=diagnostics", "callbacks.sample.n_tokens=5"]
    run += ["callbacks.checkpoints.keep_every_n_steps=4"]
    train_here([*run, "run_dir=whole"])
    with monkeypatch.context() as patch:
        break_at(8, patch)
        with pytest.raises(BrokenError):
            train_here([*run, "run_dir=broken"])
    train_here([*run, "run_dir=broken"])
    assert_same_run(tmp_path / "whole", tmp_path / "broken")

    state = read_checkpoint(tmp_path / "whole")["state_dict"]
    record = read_record(tmp_path / "whole" / "record.json")
    adapters = {name: tensor for name, tensor in state.items() if "lora_" in name}
    assert record.model["trained_parameters"] == sum(tensor.numel() for tensor in adapters.values())
    assert all(bool(tensor.any()) for tensor in adapters.values())
    begun = transformers().AutoModelForCausalLM.from_pretrained(pretrained)
    with torch.no_grad():
        inside = state["model.network.transformer.h.0.attn.c_attn.base_layer.weight"]
        assert torch.equal(inside, begun.transformer.h[0].attn.c_attn.weight.T)

    loaded = load_run(tmp_path / "whole")
    network: Any = loaded.model.network
    a, b = (
        state[f"model.network.transformer.h.1.attn.c_attn.lora_{each}.default.weight"] for each in ("A", "B")
    )
    expected = begun.transformer.h[1].attn.c_attn.weight.T + b @ a
    torch.testing.assert_close(network.transformer.h[1].attn.c_attn.weight, expected)
    assert not [name for name, _ in loaded.model.named_parameters() if "lora" in name]

    told = export(loaded, tmp_path / "exported")
    exported = transformers().AutoModelForCausalLM.from_pretrained(tmp_path / "exported").eval()
    tokens = torch.randint(256, (2, 9), generator=torch.Generator().manual_seed(0))
    assert told[0] == "a folder of transformers: GPT2LMHeadModel"
    with torch.no_grad():
        torch.testing.assert_close(exported(tokens).logits, loaded.model(tokens))
        assert not torch.allclose(exported(tokens).logits, begun.eval()(tokens).logits)
    subject = read_subject(tmp_path / "whole", checkpoint="last")
    logits = {step: model(tokens).detach() for step, model in subject.models_of_steps()}
    assert list(logits) == [4, 8, 12]
    assert not torch.allclose(logits[4], logits[8])
    torch.testing.assert_close(logits[12], loaded.model(tokens).detach())
    measured = evaluate(loaded, split="validation", device=torch.device("cpu"))
    assert measured["loss"] == pytest.approx(record.final["val/loss"], rel=1e-5)


@pytest.mark.proof
def test_two_processes_give_the_rows_of_one(
    short: list[str], pretrained: Path, train_here: TrainHere, tmp_path: Path
) -> None:
    runs = {
        "lora": on_adapters(short, pretrained),
        "rules": [*short, "param_groups.freeze_layers=1", "param_groups.layer_decay=0.5", "optimizer=muon"],
    }
    check_two_ranks_against_one(runs, train_here, tmp_path)
