"""Small models with the settings of conf/, and what a test changes."""

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import torch
from omegaconf import OmegaConf

from tuneformer.models.attention.multi_head import MultiHeadAttention
from tuneformer.models.attention.settings import QKVAttentionSettings
from tuneformer.models.decoder import Decoder

CONF = Path(__file__).parents[2] / "conf"
SMALL: dict[str, Any] = {"vocab_size": 11, "context_length": 12, "n_layers": 2, "n_heads": 2, "d_model": 16}


def settings(option: str) -> dict[str, Any]:
    """The settings of an option as plain values, without Hydra's own keys."""
    plain = OmegaConf.to_container(OmegaConf.load(CONF / f"{option}.yaml"), resolve=False)
    assert isinstance(plain, dict)
    return {
        str(key): value for key, value in plain.items() if not str(key).startswith("_") and key != "tasks"
    }


@pytest.fixture
def decoder() -> Callable[..., Decoder]:
    """Builds a small decoder; keywords change settings of the model or of its attention."""

    def build(*, seed: int = 0, **changes: Any) -> Decoder:
        torch.default_generator.manual_seed(seed)
        attention = settings("attention/multi_head")
        attention |= {key: changes.pop(key) for key in list(changes) if key in attention}
        model = settings("model/decoder") | SMALL | changes
        return Decoder(
            **model, attention=partial(MultiHeadAttention, settings=QKVAttentionSettings(**attention))
        )

    return build


@pytest.fixture
def tokens() -> torch.Tensor:
    """Three sequences that fill the small context."""
    return torch.randint(11, (3, 12), generator=torch.Generator().manual_seed(1))
