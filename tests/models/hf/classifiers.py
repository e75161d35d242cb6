"""Small classifiers of transformers for tests."""

from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from tests.models.hf.models import CONTEXT, SMALL, VOCABULARY
from tuneformer.checks.config import check_config
from tuneformer.config.compose import compose_config
from tuneformer.models.build import build_model, plan_model
from tuneformer.models.hf.classifier import HuggingFaceClassifier
from tuneformer.models.hf.library import transformers
from tuneformer.models.memory_needed import ModelPlan

CLASSES = 3
NEEDS = {"vocab_size": VOCABULARY, "n_classes": CLASSES}


def settings_of_classifier(name: str | None, *overrides: str) -> dict[str, Any]:
    """The configuration of a small classifier."""
    chosen = [] if name is None else [f"model.config={name}", *SMALL]
    of_data = ["data=language_id", f"data.context_length={CONTEXT}"]
    return check_config(*compose_config(["model=hf", *of_data, *chosen, *overrides]))


def classifier_of(
    name: str | None, *overrides: str, seed: int = 0, n_classes: int = CLASSES
) -> HuggingFaceClassifier:
    """The classifier with weights drawn from a seed."""
    config = settings_of_classifier(name, *overrides)
    torch.manual_seed(seed)
    model = build_model(config["model"], config["attention"], needs=NEEDS | {"n_classes": n_classes})
    assert isinstance(model, HuggingFaceClassifier)
    return model


def plan_of_classifier(name: str) -> ModelPlan:
    """What would be built."""
    config = settings_of_classifier(name)
    return plan_model(config["model"], config["attention"], needs=NEEDS)


def texts() -> tuple[Tensor, Tensor]:
    """Tokens of two texts, the second shorter, and which of them are there."""
    drawn = torch.Generator().manual_seed(1)
    tokens = torch.randint(VOCABULARY, (2, CONTEXT), generator=drawn)
    visible = torch.ones_like(tokens, dtype=torch.bool)
    visible[1, 5:] = False
    return tokens, visible


def save_bert(folder: Path) -> Any:
    """A pretrained encoder without any head, as transformers saves it."""
    library = transformers()
    sizes = {"hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 4, "intermediate_size": 64}
    config = library.BertConfig(**sizes, vocab_size=VOCABULARY, max_position_embeddings=CONTEXT)
    torch.manual_seed(7)
    model = library.BertModel(config, add_pooling_layer=False)
    model.save_pretrained(folder)
    return model
