"""The delta rule."""

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
from tuneformer.models.attention.recurrent.scan import delta_scan, delta_weights
from tuneformer.models.attention.settings import RecurrentAttentionSettings
from tuneformer.models.norms import RMSNorm


class DeltaCore(RecurrentCore):
    """S_t = (I - b_t k_t k_t^T) S_(t-1) + b_t k_t v_t^T, o_t = S_t^T q_t; the gate is b_t."""

    def forward(
        self, q: HeadVectors, k: HeadVectors, v: HeadVectors, gate: Gate | None, state: Tensor | None
    ) -> tuple[HeadVectors, Tensor]:
        """Return the outputs and the last state."""
        assert gate is not None
        return delta_scan(q, k, v, gate, empty_state(k, v) if state is None else state)

    def weights(
        self, q: HeadVectors, k: HeadVectors, gate: Gate | None
    ) -> Float[Tensor, "batch head time time"]:
        """Return tril(Q K^T) (I + tril(diag(b) K K^T, -1))^-1 diag(b): signed, and of any sum."""
        assert gate is not None
        return delta_weights(q, k, gate)


class DeltaRuleAttention(RecurrentAttentionBase):
    """S_t = (I - b_t k_t k_t^T) S_(t-1) + b_t k_t v_t^T, o_t = S_t^T q_t (DeltaNet, arXiv 2406.06484).

    What the state answers for k_t is moved towards v_t by the share b_t = sigmoid(w_h x_t). Queries and
    keys are silu(.) of length 1, which a rotation keeps; y = W_output norm(o), an RMS norm of each head. The
    paper's short convolutions are left out. Time is O(T d_model head_dim) for T tokens, memory O(T d_model)
    and one state for each chunk of 32; the cache keeps heads * head_dim^2 numbers, however long the text.
    The explicit map, before the norm, is signed: what was written and later overwritten has lost its share.
    """

    def __init__(self, *, layer: LayerSpec, settings: RecurrentAttentionSettings) -> None:
        super().__init__(layer=layer, settings=settings, core=DeltaCore())
        self.write = self.linear(layer.d_model, layer.n_heads)
        self.head_norm = RMSNorm(self.head_dim)

    def features(self, q: HeadVectors, k: HeadVectors, start: int) -> tuple[HeadVectors, HeadVectors]:
        """Return queries and keys of length 1, rotated."""
        q, k = (F.normalize(F.silu(y), dim=-1) for y in (q, k))
        return self.rotate(q, k, start)

    def gate(self, x: Float[Tensor, "batch time d_model"]) -> Gate:
        """Return b_t."""
        return self.write(x).sigmoid().transpose(1, 2).unsqueeze(-1)

    def finish(
        self, mixed: Float[Tensor, "batch head time value"], x: Float[Tensor, "batch time d_model"]
    ) -> Float[Tensor, "batch time d_model"]:
        """Norm the heads and project them."""
        return self.output(self.join_heads(self.head_norm(mixed)))

    def mixing_flops(self, n_keys: int) -> float:
        """Return 6 d_model head_dim, however many keys: what the state says for k, its change, and q."""
        return 6.0 * self.layer.d_model * self.head_dim
