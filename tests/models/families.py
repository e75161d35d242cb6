"""Small models of every family with the settings of conf/, and what a test changes."""

from functools import partial
from pathlib import Path
from typing import Any

import torch
from torch import nn

from tuneformer.config.options import load_option
from tuneformer.models.acting.decision_transformer import DecisionTransformer
from tuneformer.models.acting.lstm_policy import LstmPolicy
from tuneformer.models.acting.mlp_policy import MlpPolicy
from tuneformer.models.acting.settings import (
    DecisionTransformerSettings,
    LstmPolicySettings,
    MlpPolicySettings,
)
from tuneformer.models.attention.qkv.multi_head import MultiHeadAttention
from tuneformer.models.attention.settings import QKVAttentionSettings
from tuneformer.models.encoder import Encoder
from tuneformer.models.encoder_decoder import EncoderDecoder
from tuneformer.models.recurrent.families import lstm, lstm_attention
from tuneformer.models.settings import (
    EncoderDecoderSettings,
    EncoderSettings,
    LstmAttentionSettings,
    LstmSettings,
    VectorDecoderSettings,
    VisionTransformerSettings,
)
from tuneformer.models.vector_decoder import VectorDecoder
from tuneformer.models.vision_transformer import VisionTransformer

CONF = Path(__file__).parents[2] / "conf"
SMALL: dict[str, dict[str, Any]] = {
    "decision_transformer": {"n_states": 4, "n_actions": 3, "n_times": 30, "context_length": 12},
    "encoder": {"vocab_size": 11, "n_classes": 5, "context_length": 12},
    "encoder_decoder": {"vocab_size": 11, "context_length": 12},
    "lstm": {"vocab_size": 11, "n_classes": None, "context_length": 12},
    "lstm_attention": {"vocab_size": 11, "n_classes": None, "context_length": 12},
    "lstm_policy": {"n_states": 4, "n_actions": 3},
    "mlp_policy": {"n_states": 4, "n_actions": 3},
    "vector_decoder": {"n_inputs": 4, "n_outputs": 2, "context_length": 12},
    "vit": {"image_size": 8, "n_channels": 2, "n_classes": 5, "patch_size": 4},
}
FAMILIES: dict[str, tuple[Any, Any]] = {
    "decision_transformer": (DecisionTransformer, DecisionTransformerSettings),
    "encoder": (Encoder, EncoderSettings),
    "encoder_decoder": (EncoderDecoder, EncoderDecoderSettings),
    "lstm": (lstm, LstmSettings),
    "lstm_attention": (lstm_attention, LstmAttentionSettings),
    "lstm_policy": (LstmPolicy, LstmPolicySettings),
    "mlp_policy": (MlpPolicy, MlpPolicySettings),
    "vector_decoder": (VectorDecoder, VectorDecoderSettings),
    "vit": (VisionTransformer, VisionTransformerSettings),
}
WIDTH: dict[str, Any] = {"n_layers": 2, "n_heads": 2, "d_model": 16}


def plain_settings(group: str, option: str) -> dict[str, Any]:
    """The settings of an option that its class takes."""
    settings = load_option(group, option, [CONF])
    return {key: value for key, value in settings.items() if not key.startswith("_")}


def small_model(family: str, *, seed: int = 0, **changes: Any) -> Any:
    """A small model; keywords change its settings."""
    torch.default_generator.manual_seed(seed)
    settings = plain_settings("model", family)
    settings |= SMALL[family] | {key: value for key, value in WIDTH.items() if key in settings} | changes
    chosen = QKVAttentionSettings(**plain_settings("attention", "multi_head"))
    make, described = FAMILIES[family]
    given = {"attention": partial(MultiHeadAttention, settings=chosen)} if described.has_attention else {}
    return make(settings=described(**settings), **given)


def randomised(model: nn.Module) -> Any:
    """The model with large weights in float64, so that a leak would show; in evaluation mode."""
    model.double()
    generator = torch.Generator().manual_seed(2)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.copy_(torch.randn(parameter.shape, dtype=torch.float64, generator=generator) * 0.3)
    return model.eval()
