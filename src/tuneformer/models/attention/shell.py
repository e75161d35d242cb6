"""The part that all attention modules share: projections, heads, positions and the cache."""

from collections.abc import Callable
from typing import TypeVar

import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from tuneformer.errors import UserError
from tuneformer.models.attention.core import AttentionCore
from tuneformer.models.attention.layer_spec import AttentionSite, LayerSpec
from tuneformer.models.attention.mask import AttentionMask
from tuneformer.models.forward_pass import ForwardPass
from tuneformer.models.key_value_cache import KeyValueCache, LayerCache, LayerKeyValues
from tuneformer.models.norms import RMSNorm

EditWeights = Callable[[AttentionSite, Tensor], Tensor]
Cache = TypeVar("Cache", bound=LayerCache)


class AttentionShell(nn.Module):
    """Self-attention around a core: y = W_output core(W_query x, W_key x, W_value x).

    With `qk_norm` queries and keys are RMS-normalised over the head dimension, with a learned gain
    (arXiv 2302.05442), before positions rotate them. A module of conf/attention is this class with
    its core; what differs more overrides `project`, `mix` or `new_cache`.
    """

    def __init__(
        self, *, layer: LayerSpec, core: AttentionCore, n_key_value_heads: int, qk_norm: bool
    ) -> None:
        """Build the projections of `layer`.

        Raises:
            UserError: the width cannot be divided into heads.
        """
        super().__init__()
        if layer.d_model % layer.n_heads:
            raise UserError(
                f"model.d_model={layer.d_model} must be a multiple of model.n_heads={layer.n_heads}"
            )
        self.layer = layer
        self.head_dim = layer.d_model // layer.n_heads
        key_value_width = n_key_value_heads * self.head_dim
        self.query = nn.Linear(layer.d_model, layer.d_model, bias=layer.bias)
        self.key = nn.Linear(layer.d_model, key_value_width, bias=layer.bias)
        self.value = nn.Linear(layer.d_model, key_value_width, bias=layer.bias)
        self.output = nn.Linear(layer.d_model, layer.d_model, bias=layer.bias)
        self.query_norm = RMSNorm(self.head_dim) if qk_norm else None
        self.key_norm = RMSNorm(self.head_dim) if qk_norm else None
        self.positions = layer.head_positions(head_dim=self.head_dim)
        self.core = core
        self.edit_weights: EditWeights | None = None  # set by `explicit_attention`

    def forward(
        self, x: Float[Tensor, "batch time d_model"], shared: ForwardPass
    ) -> Float[Tensor, "batch time d_model"]:
        """Return what the tokens gather from those they may see."""
        q, k, v = self.project(x, shared.start)
        if shared.cache is not None:
            k, v = self.cache_of(shared.cache, LayerKeyValues).extend(shared.start, k, v)
        return self.output(self.join_heads(self.mix(q, k, v, shared.mask)))

    def project(
        self, x: Float[Tensor, "batch time d_model"], start: int
    ) -> tuple[
        Float[Tensor, "batch head time dim"],
        Float[Tensor, "batch kv_head time dim"],
        Float[Tensor, "batch kv_head time value"],
    ]:
        """Return queries, keys and values in heads, the first token at position `start`."""
        split = (-1, self.head_dim)
        q, k, v = (linear(x).unflatten(2, split) for linear in (self.query, self.key, self.value))
        if self.query_norm is not None and self.key_norm is not None:
            q, k = self.query_norm(q), self.key_norm(k)
        if self.positions is not None:
            q, k = self.positions(q, k, start)
        return q.transpose(1, 2), k.transpose(1, 2), v.transpose(1, 2)  # (B, T, H, D) -> (B, H, T, D)

    def split_heads(self, x: Float[Tensor, "batch time width"]) -> Float[Tensor, "batch head time dim"]:
        """Cut vectors into heads of head_dim numbers."""
        return x.unflatten(2, (-1, self.head_dim)).transpose(1, 2)

    def join_heads(self, x: Float[Tensor, "batch head time dim"]) -> Float[Tensor, "batch time width"]:
        """Concatenate the heads again."""
        return x.transpose(1, 2).flatten(2)

    def mix(
        self,
        q: Float[Tensor, "batch head query dim"],
        k: Float[Tensor, "batch kv_head key dim"],
        v: Float[Tensor, "batch kv_head key value"],
        mask: AttentionMask,
    ) -> Float[Tensor, "batch head query value"]:
        """Run the core: fused, or explicit where someone wants to see or edit the weights."""
        if self.edit_weights is None:
            return self.core(q, k, v, mask)
        weights = self.edit_weights(self.layer.site, self.core.weights(q, k, mask))
        return F.dropout(weights, self.layer.dropout, self.training) @ v

    def new_cache(self) -> LayerCache:
        """Return an empty cache for this layer."""
        return LayerKeyValues(capacity=self.layer.context_length)

    def cache_of(self, cache: KeyValueCache, kind: type[Cache]) -> Cache:
        """Return what `new_cache` made for this layer, which is of this kind."""
        mine = cache.layers[self.layer.site]
        assert isinstance(mine, kind), f"{self.layer.site} keeps a {type(mine).__name__}"
        return mine

    def mixing_flops(self, n_keys: int) -> float:
        """Return the operations that mixing `n_keys` keys costs one query, forward: q k^T and weights @ v.

        A multiplication and an addition count as two; the projections are parameters and not counted.
        """
        return 4.0 * self.layer.d_model * n_keys
