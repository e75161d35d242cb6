"""The part that all attention modules share: projections, heads, positions and the cache."""

from collections.abc import Callable

import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from tuneformer.errors import UserError
from tuneformer.models.attention.core import AttentionCore
from tuneformer.models.attention.layer_spec import LayerSpec
from tuneformer.models.forward_pass import ForwardPass
from tuneformer.models.key_value_cache import LayerKeyValues
from tuneformer.models.norms import RMSNorm

EditWeights = Callable[[int, Tensor], Tensor]


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
            k, v = shared.cache.layers[self.layer.index].extend(shared.start, k, v)
        mixed = self.mix(q, k, v, shared)
        return self.output(mixed.transpose(1, 2).flatten(2))  # (B, H, T, D) -> (B, T, H D)

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

    def mix(
        self,
        q: Float[Tensor, "batch head query dim"],
        k: Float[Tensor, "batch kv_head key dim"],
        v: Float[Tensor, "batch kv_head key value"],
        shared: ForwardPass,
    ) -> Float[Tensor, "batch head query value"]:
        """Run the core: fused, or explicit where someone wants to see or edit the weights."""
        if self.edit_weights is None:
            return self.core(q, k, v, shared.mask)
        weights = self.edit_weights(self.layer.index, self.core.weights(q, k, shared.mask))
        return F.dropout(weights, self.layer.dropout, self.training) @ v

    def new_cache(self) -> LayerKeyValues:
        """Return an empty cache for this layer."""
        return LayerKeyValues(capacity=self.layer.context_length)
