"""A stack of Transformer layers, as a decoder, an encoder or a vision Transformer has one."""

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial

from torch import nn

from tuneformer.models.attention.base import AttentionBase
from tuneformer.models.attention.layer_spec import AttentionSite, LayerSpec
from tuneformer.models.attention.qkv.cross import CrossAttention
from tuneformer.models.block import Block, block_kind
from tuneformer.models.family import ModelFamily
from tuneformer.models.feed_forward import make_feed_forward
from tuneformer.models.norms import make_norm
from tuneformer.models.positions import PositionScheme
from tuneformer.models.settings import TransformerSettings


class Transformer(ModelFamily):
    """What the families with Transformer layers share."""

    def __init__(self, settings: TransformerSettings) -> None:
        super().__init__(settings)
        self.embedding_scale = math.sqrt(settings.d_model) if settings.positions == "sinusoidal" else 1.0


@dataclass(frozen=True, kw_only=True)
class Stack:
    """The layers of one stack.

    Attributes:
        name: "decoder" or "encoder", for the sites of its attention modules.
        causal: whether a token may never see those after it.
        context_length: tokens that a cache must hold.
        settings: of the model.
        logit_scale: what q k^T is multiplied by; None: 1 / sqrt(head_dim).
        separates: whether a text has documents that do not see each other.
    """

    name: str
    causal: bool
    context_length: int
    settings: TransformerSettings
    logit_scale: float | None = None
    separates: bool = False

    @property
    def positions(self) -> PositionScheme:
        """Where positions go."""
        return PositionScheme(settings=self.settings, n_positions=self.context_length)

    def layer(self, index: int) -> LayerSpec:
        """Return layer `index` as its attention module must know it."""
        return LayerSpec(
            site=AttentionSite(self.name, index),
            causal=self.causal,
            d_model=self.settings.d_model,
            n_heads=self.settings.n_heads,
            context_length=self.context_length,
            bias=self.settings.bias,
            dropout=self.settings.dropout,
            logit_scale=self.logit_scale,
            head_positions=self.positions.head_positions,
            logit_bias=self.positions.logit_bias,
            separates=self.separates,
        )


def make_blocks(
    stack: Stack, *, attention: Callable[..., AttentionBase], reads_memory: bool
) -> nn.ModuleList:
    """Return the layers; with `reads_memory` each has cross-attention to the output of an encoder."""
    kind = block_kind(stack.settings.block)
    return nn.ModuleList(
        _make_block(kind, stack, stack.layer(index), attention=attention, reads_memory=reads_memory)
        for index in range(stack.settings.n_layers)
    )


def make_final_norm(stack: Stack) -> nn.Module:
    """Return the norm behind the layers; the identity where they end in one (post-norm)."""
    if not block_kind(stack.settings.block).has_final_norm:
        return nn.Identity()
    return make_norm(stack.settings.norm, width=stack.settings.d_model, bias=stack.settings.bias)


def _make_block(
    kind: type[Block],
    stack: Stack,
    layer: LayerSpec,
    *,
    attention: Callable[..., AttentionBase],
    reads_memory: bool,
) -> Block:
    settings = stack.settings
    cross = replace(layer, site=AttentionSite("cross", layer.site.layer), causal=False)
    return kind(
        attention=attention(layer=layer),
        cross_attention=CrossAttention(layer=cross) if reads_memory else None,
        feed_forward=make_feed_forward(
            settings.feed_forward,
            d_model=settings.d_model,
            d_ff=settings.d_ff,
            bias=settings.bias,
        ),
        make_norm=partial(make_norm, settings.norm, width=settings.d_model, bias=settings.bias),
        dropout=settings.dropout,
    )
