"""Faults planted into real runs are found by their rules, and runs without them raise no error."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from tests.training.conftest import train_here
from tuneformer.analysis.diagnosis.diagnose import diagnose
from tuneformer.analysis.diagnosis.evidence import read_evidence
from tuneformer.models.attention.base import AttentionBase
from tuneformer.models.block import PreNormBlock
from tuneformer.models.feed_forward import FeedForward
from tuneformer.training import assembly

__all__ = ["train_here"]

pytestmark = pytest.mark.proof

Plant = Callable[[nn.Module], None]
SMALL = [
    "experiment=optimizer_study",
    "model.initialization=gpt2",  # of branches that begin at zero no gradient vanishes
    "optimizer=adamw",
    "optimizer.lr=2e-3",
    "callbacks=default",
    "callbacks.sample.n_tokens=2",
    "callbacks.attention_probe.snapshots=0",
    "logger=none",
    "trainer.threads=1",
    "trainer.max_steps=120",
    "trainer.log_every_n_steps=5",
    "trainer.val_check_interval=30",
    "data.max_validation_bytes=8000",
    "run_dir=run",
]


def shells(model: nn.Module) -> Iterator[AttentionBase]:
    yield from (module for module in model.modules() if isinstance(module, AttentionBase))


def sharp_queries_and_keys(model: nn.Module) -> None:
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if parameter.dim() == 2 and ("query" in name or "key" in name):
                parameter.mul_(40.0)


def large_output(model: nn.Module) -> None:
    output = model.get_submodule("output")
    assert isinstance(output, nn.Linear)
    with torch.no_grad():
        output.weight.mul_(3000.0)


def one_silent_head(model: nn.Module) -> None:
    for shell in shells(model):
        weight, size = shell.output.weight, shell.head_dim
        with torch.no_grad():
            weight[:, :size] = 0

        def no_gradient(gradient: Tensor, size: int = size) -> Tensor:
            return torch.cat([torch.zeros_like(gradient[:, :size]), gradient[:, size:]], dim=1)

        weight.register_hook(no_gradient)


def low_biases(model: nn.Module) -> None:
    for module in model.modules():
        if isinstance(module, FeedForward):
            up = module.get_submodule("up")
            assert isinstance(up, nn.Linear)
            with torch.no_grad():
                up.bias.fill_(-30.0)


def nothing(model: nn.Module) -> None:
    del model


FAULTS: dict[str, tuple[list[str], Plant]] = {
    "logit_blow_up": ([], sharp_queries_and_keys),
    "entropy_collapse": ([], sharp_queries_and_keys),
    "vanishing_gradients": (["model.block=post_norm", "model.n_layers=24", "model.d_model=32"], nothing),
    "exploding_gradients": (["trainer.gradient_clip_val=null", "model.tie_embeddings=false"], large_output),
    "clipping_always_on": (["trainer.gradient_clip_val=0.01"], nothing),
    "dead_heads": ([], one_silent_head),
    "dead_units": (["model.feed_forward=squared_relu", "model.bias=true"], low_biases),
    "untrained_embeddings": (["model.tie_embeddings=false"], nothing),
    "over_fitting": (["trainer.max_steps=400", "optimizer.lr=4e-3", "optimizer.weight_decay=0"], nothing),
    "data_repeated": (["trainer.max_steps=400"], nothing),
    "lr_too_high": (["trainer.max_steps=300", "optimizer.lr=0.06"], nothing),
    "lr_too_low": (["trainer.max_steps=300", "optimizer.lr=6.7e-5"], nothing),
    "warmup_too_short": (["optimizer.lr=0.1", "scheduler.warmup=0", "trainer.log_every_n_steps=2"], nothing),
    "weight_decay_too_strong": (["trainer.max_steps=300", "optimizer.weight_decay=10"], nothing),
    "weight_decay_absent": (
        ["trainer.max_steps=400", "optimizer.lr=4e-3", "optimizer.weight_decay=0"],
        nothing,
    ),
    "schedule_ends_high": (["scheduler=constant"], nothing),
    "under_fitting": (["trainer.max_steps=60", "trainer.log_every_n_steps=2", "scheduler=constant"], nothing),
}
SCARCE = ("over_fitting", "weight_decay_absent", "data_repeated")


@pytest.fixture
def scarce_text(tmp_path: Path) -> list[str]:
    """As many windows of the same words as a model of this size can learn by heart."""
    draw = torch.Generator().manual_seed(0)
    letters = "".join(chr(97 + int(i)) for i in torch.randint(26, (2500,), generator=draw))
    file = tmp_path / "scarce.txt"
    file.write_text(letters, encoding="utf-8")
    return ["data=text", f"data.path={file}", "data.context_length=64", "data.batch_size=16"]


@pytest.mark.parametrize("fault", FAULTS)
def test_a_planted_fault_is_found(
    fault: str,
    scarce_text: list[str],
    train_here: Callable[..., Any],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    settings, plant = FAULTS[fault]
    planted_into(monkeypatch, plant)
    train_here([*SMALL, *(scarce_text if fault in SCARCE else []), *settings])
    found = {finding.rule: finding for finding in diagnose(read_evidence(tmp_path / "run")).findings}
    assert fault in found, f"found only {', '.join(found)}"


def test_tokens_that_become_the_same_under_attention_alone_are_found(
    train_here: Callable[..., Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def attention_alone(self: PreNormBlock, x: Tensor, shared: Any) -> Tensor:
        return self.attention(self.attention_norm(x), shared)

    monkeypatch.setattr(PreNormBlock, "forward", attention_alone)
    train_here(
        [
            *SMALL,
            "model.n_layers=12",
            "model.d_model=32",
            "trainer.max_steps=60",
            "trainer.val_check_interval=15",
        ]
    )
    found = [finding.rule for finding in diagnose(read_evidence(tmp_path / "run")).findings]
    assert "rank_collapse" in found


def test_norms_of_queries_and_keys_hold_logits_whatever_their_matrices(
    train_here: Callable[..., Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    planted_into(monkeypatch, sharp_queries_and_keys)
    train_here([*SMALL, "attention.qk_norm=true"])
    found = [finding.rule for finding in diagnose(read_evidence(tmp_path / "run")).findings]
    assert not {"logit_blow_up", "entropy_collapse"} & {*found}


HEALTHY = [
    [],
    ["optimizer=muon", "optimizer.lr=0.02"],
    ["optimizer=lion", "optimizer.lr=5e-4"],
    ["optimizer=sgd", "optimizer.lr=0.4"],
    ["optimizer=soap", "optimizer.lr=8e-3"],
    ["scheduler=wsd", "attention=grouped_query", "attention.n_key_value_heads=2"],
    ["attention=sliding_window", "attention.window=16", "callbacks=ema", "callbacks.sample.n_tokens=2"],
    ["model.n_layers=8", "model.d_model=32", "model.block=sandwich"],
    ["experiment=digits", "trainer.max_steps=100"],
    ["experiment=recall", "trainer.max_steps=100", "data.n_validation=100", "data.n_test=100"],
]


@pytest.mark.parametrize("settings", HEALTHY)
def test_a_healthy_run_raises_no_error(
    settings: list[str], train_here: Callable[..., Any], tmp_path: Path
) -> None:
    own = any(setting.startswith("experiment") for setting in settings)
    common = [
        s for s in SMALL if not (own and s.startswith(("experiment", "optimizer", "data", "trainer.max")))
    ]
    train_here([*common, *settings])
    found = diagnose(read_evidence(tmp_path / "run")).findings
    assert [finding.rule for finding in found if finding.severity == "error"] == []


def planted_into(monkeypatch: pytest.MonkeyPatch, plant: Plant) -> None:
    build = assembly.build_model

    def build_and_plant(*arguments: Any, **settings: Any) -> nn.Module:
        model = build(*arguments, **settings)
        plant(model)
        return model

    monkeypatch.setattr(assembly, "build_model", build_and_plant)
