"""A stack of Transformer layers, as a decoder, an encoder or a vision Transformer has one."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial

from torch import nn

from tuneformer.models.attention.base import AttentionBase
from tuneformer.models.attention.cross import CrossAttention
from tuneformer.models.attention.layer_spec import AttentionSite, LayerSpec
from tuneformer.models.block import Block, block_kind
from tuneformer.models.feed_forward import make_feed_forward
from tuneformer.models.norms import make_norm
from tuneformer.models.positions import PositionScheme


@dataclass(frozen=True, kw_only=True)
class StackSettings:
    """What the layers of one stack are made of, as the settings of conf/model say it.

    Attributes:
        name: "decoder" or "encoder", for the sites of its attention modules.
        causal: whether a token may never see those after it.
        context_length: tokens that a cache must hold.
        logit_scale: what q k^T is multiplied by; None: 1 / sqrt(head_dim).
    """

    name: str
    causal: bool
    context_length: int
    n_layers: int
    n_heads: int
    d_model: int
    d_ff: int | None
    dropout: float
    block: str
    norm: str
    feed_forward: str
    positions: PositionScheme
    bias: bool
    logit_scale: float | None

    def layer(self, index: int) -> LayerSpec:
        """Return layer `index` as its attention module must know it."""
        return LayerSpec(
            site=AttentionSite(self.name, index),
            causal=self.causal,
            d_model=self.d_model,
            n_heads=self.n_heads,
            context_length=self.context_length,
            bias=self.bias,
            dropout=self.dropout,
            logit_scale=self.logit_scale,
            head_positions=self.positions.head_positions,
            logit_bias=self.positions.logit_bias,
        )


def make_blocks(
    stack: StackSettings, *, attention: Callable[..., AttentionBase], reads_memory: bool
) -> nn.ModuleList:
    """Return the layers; with `reads_memory` each has cross-attention to the output of an encoder."""
    kind = block_kind(stack.block)
    return nn.ModuleList(
        _make_block(kind, stack, stack.layer(index), attention=attention, reads_memory=reads_memory)
        for index in range(stack.n_layers)
    )


def make_final_norm(stack: StackSettings) -> nn.Module:
    """Return the norm behind the layers; the identity where they end in one (post-norm)."""
    if not block_kind(stack.block).has_final_norm:
        return nn.Identity()
    return make_norm(stack.norm, width=stack.d_model, bias=stack.bias)


def _make_block(
    kind: type[Block],
    stack: StackSettings,
    layer: LayerSpec,
    *,
    attention: Callable[..., AttentionBase],
    reads_memory: bool,
) -> Block:
    cross = replace(layer, site=AttentionSite("cross", layer.site.layer), causal=False)
    return kind(
        attention=attention(layer=layer),
        cross_attention=CrossAttention(layer=cross) if reads_memory else None,
        feed_forward=make_feed_forward(
            stack.feed_forward, d_model=stack.d_model, d_ff=stack.d_ff, bias=stack.bias
        ),
        make_norm=partial(make_norm, stack.norm, width=stack.d_model, bias=stack.bias),
        dropout=stack.dropout,
    )
