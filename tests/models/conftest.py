"""Small models with the settings of conf/, and what a test changes."""

from collections.abc import Callable
from functools import partial
from typing import Any

import pytest
import torch

from tests.models.families import plain_settings
from tuneformer.models.attention.qkv.multi_head import MultiHeadAttention
from tuneformer.models.attention.settings import QKVAttentionSettings
from tuneformer.models.decoder import Decoder
from tuneformer.models.settings import DecoderSettings

SMALL: dict[str, Any] = {
    "vocab_size": 11,
    "context_length": 12,
    "n_layers": 2,
    "n_heads": 2,
    "d_model": 16,
    "initialization": "gpt2",  # branches that begin at zero hide what a test changes in them
}


@pytest.fixture
def decoder() -> Callable[..., Decoder]:
    """Builds a small decoder; keywords change settings of the model or of its attention."""

    def build(*, seed: int = 0, **changes: Any) -> Decoder:
        torch.default_generator.manual_seed(seed)
        attention = plain_settings("attention", "multi_head")
        attention |= {key: changes.pop(key) for key in list(changes) if key in attention}
        model = plain_settings("model", "decoder") | SMALL | changes
        chosen = QKVAttentionSettings(**attention)
        return Decoder(
            settings=DecoderSettings(**model), attention=partial(MultiHeadAttention, settings=chosen)
        )

    return build


@pytest.fixture
def tokens() -> torch.Tensor:
    """Three sequences that fill the small context."""
    return torch.randint(11, (3, 12), generator=torch.Generator().manual_seed(1))
