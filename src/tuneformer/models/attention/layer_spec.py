"""What a model tells an attention module about the layer it is built for."""

from collections.abc import Callable
from dataclasses import dataclass

from torch import nn


@dataclass(frozen=True, kw_only=True)
class LayerSpec:
    """One layer of a model, as its attention module must know it.

    Attributes:
        index: the layer, from 0.
        d_model: width of the residual stream.
        n_heads: heads of the queries.
        context_length: tokens that a cache must hold.
        bias: whether linear layers have one.
        dropout: probability, of the attention weights.
        logit_scale: what q k^T is multiplied by; None: 1 / sqrt(head_dim).
        head_positions: `head_positions(head_dim=...)` makes the module that puts positions into queries
            and keys (batch, time, head, dim), called as `q, k = module(q, k, start)`; or None.
    """

    index: int
    d_model: int
    n_heads: int
    context_length: int
    bias: bool
    dropout: float
    logit_scale: float | None
    head_positions: Callable[..., nn.Module | None]
