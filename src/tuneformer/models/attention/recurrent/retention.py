"""Retention."""

import math

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor

from tuneformer.models.attention.layer_spec import LayerSpec
from tuneformer.models.attention.recurrent.base import (
    Gate,
    HeadVectors,
    RecurrentAttentionBase,
    RecurrentCore,
    empty_state,
)
from tuneformer.models.attention.recurrent.scan import decayed_scan, decayed_weights
from tuneformer.models.attention.settings import RecurrentAttentionSettings
from tuneformer.models.norms import RMSNorm


class DecayedCore(RecurrentCore):
    """S_t = diag(a_t) S_(t-1) + k_t v_t^T, o_t = scale S_t^T q_t; the gate is log a_t."""

    def __init__(self, *, scale: float) -> None:
        super().__init__()
        self.scale = scale

    def forward(
        self, q: HeadVectors, k: HeadVectors, v: HeadVectors, gate: Gate | None, state: Tensor | None
    ) -> tuple[HeadVectors, Tensor]:
        """Return the outputs and the last state."""
        return decayed_scan(self.scale * q, k, v, gate, empty_state(k, v) if state is None else state)

    def weights(
        self, q: HeadVectors, k: HeadVectors, gate: Gate | None
    ) -> Float[Tensor, "batch head time time"]:
        """Return scale q_i diag(a_(j+1) ... a_i) k_j: signed, and of any sum."""
        return decayed_weights(self.scale * q, k, gate)


class RetentionAttention(RecurrentAttentionBase):
    """o_i = sum over j <= i of g_h^(i-j) (q_i k_j / sqrt(head_dim)) v_j, g_h = 1 - 2^(-5-h) (2307.08621).

    Head h counts from 0. Then y = W_output (silu(W_gate x) * norm(o)), an RMS norm of each head (2.2, which
    also makes the paper's further normalisations of the map have no effect). It rotates queries and keys
    by model.positions=rope, as the paper does. Time is O(T d_model head_dim) for T tokens, memory
    O(T d_model) and one state for each chunk of 64; the cache keeps heads * head_dim^2 numbers, however long
    the text. The explicit map, before norm and gate, is signed.
    """

    def __init__(self, *, layer: LayerSpec, settings: RecurrentAttentionSettings) -> None:
        super().__init__(layer=layer, settings=settings, core=DecayedCore(scale=query_scale(layer)))
        self.log_decay = [math.log(1 - 2.0 ** (-5 - head)) for head in range(layer.n_heads)]
        self.gate_output = self.linear(layer.d_model, layer.d_model)
        self.head_norm = RMSNorm(self.head_dim)

    def gate(self, x: Float[Tensor, "batch time d_model"]) -> Gate:
        """Return log g_h for every token."""
        dtype = torch.float64 if x.dtype == torch.float64 else torch.float32
        log_decay = torch.tensor(self.log_decay, dtype=dtype, device=x.device)
        return log_decay[None, :, None, None].expand(1, -1, x.shape[1], 1)

    def finish(
        self, mixed: Float[Tensor, "batch head time value"], x: Float[Tensor, "batch time d_model"]
    ) -> Float[Tensor, "batch time d_model"]:
        """Norm the heads, gate and project them."""
        return self.output(F.silu(self.gate_output(x)) * self.join_heads(self.head_norm(mixed)))


def query_scale(layer: LayerSpec) -> float:
    """Return the layer's own scale of q k^T, 1 / sqrt(head_dim) as a rule."""
    if layer.logit_scale is not None:
        return layer.logit_scale
    return (layer.d_model // layer.n_heads) ** -0.5
