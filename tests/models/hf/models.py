"""Small models of transformers for tests."""

from typing import Any

import torch
from torch import Tensor

from tuneformer.checks.config import check_config
from tuneformer.config.compose import compose_config
from tuneformer.models.build import build_model, plan_model
from tuneformer.models.hf.model import HuggingFaceModel
from tuneformer.models.memory_needed import ModelPlan

VOCABULARY, CONTEXT = 40, 12
ARCHITECTURES = (
    *(
        "bloom",
        "falcon",
        "gemma",
        "gemma2",
        "gemma3_text",
        "gpt2",
        "gpt_bigcode",
        "gpt_neox",
        "gpt_oss",
        "granite",
    ),
    *("llama", "mamba", "mistral", "mixtral", "olmo2", "opt", "persimmon", "phi", "phi3", "qwen2", "qwen3"),
    *("smollm3", "stablelm", "starcoder2", "xglm"),
)
"""Those that `docs/guide-models.md` says are tested."""
SMALL = ("model.n_layers=2", "model.n_heads=4", "model.d_model=32")


def settings_of(name: str | None, *overrides: str) -> dict[str, Any]:
    """The configuration of a small model of an architecture."""
    chosen = [] if name is None else [f"model.config={name}", *SMALL]
    sizes = [f"data.vocab_size={VOCABULARY}", f"data.context_length={CONTEXT}"]
    return check_config(*compose_config(["model=hf", *chosen, *sizes, *overrides]))


def model_of(name: str | None, *overrides: str, seed: int = 0) -> HuggingFaceModel:
    """The model with weights drawn from a seed."""
    config = settings_of(name, *overrides)
    torch.manual_seed(seed)
    model = build_model(config["model"], config["attention"], needs={})
    assert isinstance(model, HuggingFaceModel)
    return model


def plan_of(name: str, *overrides: str) -> ModelPlan:
    """What would be built."""
    config = settings_of(name, *overrides)
    return plan_model(config["model"], config["attention"], needs={})


def tokens(n_examples: int = 2, n_tokens: int = 9, *, seed: int = 1) -> Tensor:
    """Random ones."""
    drawn = torch.Generator().manual_seed(seed)
    return torch.randint(VOCABULARY, (n_examples, n_tokens), generator=drawn)
