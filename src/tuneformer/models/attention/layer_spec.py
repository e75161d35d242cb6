"""What a model tells an attention module about the layer it is built for."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

from torch import nn


class AttentionSite(NamedTuple):
    """Which attention module of a model: the stack of layers it is in, and the layer, from 0.

    The stack is "decoder", "encoder", "cross": from the decoder's layer to the encoder's output, or
    "pooling": from the class of a sequence to its tokens.
    """

    stack: str
    layer: int


@dataclass(frozen=True, kw_only=True)
class LayerSpec:
    """One layer of a model, as its attention module must know it.

    Attributes:
        site: where it is in the model; no two modules of a model have the same.
        causal: whether a token may never see those after it. The mask of a pass decides; this tells a
            module that can do only one of the two while it is built.
        d_model: width of the residual stream.
        n_heads: heads of the queries.
        context_length: tokens that a cache must hold.
        bias: whether linear layers have one.
        dropout: probability, of the attention weights.
        logit_scale: what q k^T is multiplied by; None: 1 / sqrt(head_dim).
        head_positions: `head_positions(head_dim=...)` makes the module that puts positions into queries
            and keys (batch, time, head, dim), called as `q, k = module(q, k, start, positions)`; or None.
        logit_bias: `logit_bias(n_heads=..., causal=...)` makes what is added to the logits, called as
            `module(distance)`, or None; None itself where positions lie elsewhere.
        separates: whether a text has documents that do not see each other; they are in the mask of a pass.
    """

    site: AttentionSite
    causal: bool
    d_model: int
    n_heads: int
    context_length: int
    bias: bool
    dropout: float
    logit_scale: float | None
    head_positions: Callable[..., nn.Module | None]
    logit_bias: Callable[..., nn.Module | None] | None = None
    separates: bool = False
