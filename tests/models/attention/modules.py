"""Attention modules as conf/ describes them, in float64, with parameters that are all drawn."""

import importlib
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from tuneformer.config.described import description_of
from tuneformer.config.options import list_options, load_option
from tuneformer.models.attention.base import AttentionBase
from tuneformer.models.attention.layer_spec import AttentionSite, LayerSpec
from tuneformer.models.attention.settings import AttentionSettings
from tuneformer.models.position_settings import PositionSettings
from tuneformer.models.positions import PositionScheme
from tuneformer.models.settings_object import settings_object

ROPE_BASE = 10.0
CONF = Path(__file__).parents[3] / "conf"
OPTIONS = list_options("attention", [CONF])
# small enough that twelve tokens cross several windows and blocks
SMALL = {
    "block": 4,
    "gate_rank": 3,
    "k": 3,
    "n_first": 2,
    "window": 3,
}


def described(option: str) -> type[AttentionSettings]:
    """What is true of an option: the class of its settings."""
    found = description_of(("attention",), load_option("attention", option, [CONF]))
    assert isinstance(found, type)
    assert issubclass(found, AttentionSettings)
    return found


def drawn(*shape: int, seed: int = 1) -> Tensor:
    """Normal numbers in float64."""
    return torch.randn(*shape, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))


def position_scheme(name: str, *, n_positions: int = 12) -> PositionScheme:
    """Positions with settings small enough to show at twelve tokens."""
    settings = PositionSettings(
        positions=name,
        rope_base=ROPE_BASE,
        rope_fraction=0.5,
        rope_scale=2.0,
        t5_buckets=6,
        t5_max_distance=8,
    )
    return PositionScheme(settings=settings, n_positions=n_positions)


def build(
    option: str,
    *,
    d_model: int = 16,
    n_heads: int = 4,
    causal: bool = True,
    positions: str = "rope",
    layer: int = 1,
    context_length: int = 12,
    dropout: float = 0.0,
    logit_scale: float | None = None,
    **changes: Any,
) -> AttentionBase:
    """build("sliding_window", window=5): the module of an option; keywords change it or its layer."""
    scheme = position_scheme(positions, n_positions=context_length)
    spec = LayerSpec(
        site=AttentionSite("decoder" if causal else "encoder", layer),
        causal=causal,
        d_model=d_model,
        n_heads=n_heads,
        context_length=context_length,
        bias=True,
        dropout=dropout,
        logit_scale=logit_scale,
        head_positions=scheme.head_positions,
        logit_bias=scheme.logit_bias,
    )
    settings = load_option("attention", option, [CONF])
    small = {key: value for key, value in SMALL.items() if key in settings}
    module, _, name = settings["_target_"].rpartition(".")
    cls = getattr(importlib.import_module(module), name)
    chosen = settings_object("attention", settings | small | changes)
    shell = cls(layer=spec, settings=chosen).double()
    generator = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for parameter in shell.parameters():
            nn.init.normal_(parameter, std=0.4, generator=generator)
    return shell
