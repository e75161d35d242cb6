"""Linear attention."""

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
from tuneformer.models.attention.settings import LinearAttentionSettings
from tuneformer.models.forward_pass import ForwardPass


class LinearCore(RecurrentCore):
    """o_i = sum_j (q_i k_j) v_j / sum_j (q_i k_j) over j <= i, for features q, k that are not negative."""

    def forward(
        self, q: HeadVectors, k: HeadVectors, v: HeadVectors, gate: Gate | None, state: Tensor | None
    ) -> tuple[HeadVectors, Tensor]:
        """Return the outputs; the state's last column sums the keys."""
        v = F.pad(v, (0, 1), value=1.0)
        o, state = decayed_scan(q, k, v, None, empty_state(k, v) if state is None else state)
        return normalised(o[..., :-1], o[..., -1:]), state

    def both_ways(self, q: HeadVectors, k: HeadVectors, v: HeadVectors) -> HeadVectors:
        """Return the outputs where every token sees all."""
        return normalised(q @ (k.transpose(-1, -2) @ v), q @ k.sum(dim=2).unsqueeze(-1))

    def weights(
        self, q: HeadVectors, k: HeadVectors, gate: Gate | None
    ) -> Float[Tensor, "batch head time time"]:
        """Return the share of each key: not negative, and 1 in all."""
        weights = decayed_weights(q, k, None)
        return normalised(weights, weights.sum(dim=-1, keepdim=True))


def normalised(x: Tensor, total: Tensor) -> Tensor:
    """Return x / total, and 0 where nothing was summed."""
    return x / torch.where(total > 0, total, 1.0)


class LinearAttention(RecurrentAttentionBase):
    """o_i = phi(q_i) sum_j phi(k_j) v_j^T / phi(q_i) sum_j phi(k_j), phi(x) = elu(x) + 1 (arXiv 2006.16236).

    Sums run over j <= i, or over all where the layer is not causal. Rotations come before phi, which keeps
    the weights positive and gives up that they depend on distances only. Time is O(T d_model head_dim) for
    T tokens, memory O(T d_model) and one state for each chunk of 64; the cache keeps
    heads * head_dim (head_dim + 1) numbers, however long the text. The explicit map is the share of each
    key: positive and 1 in all, as softmax's.
    """

    core: LinearCore

    def __init__(self, *, layer: LayerSpec, settings: LinearAttentionSettings) -> None:
        super().__init__(layer=layer, settings=settings, core=LinearCore())

    def features(self, q: HeadVectors, k: HeadVectors, start: int) -> tuple[HeadVectors, HeadVectors]:
        """Return phi of the rotated queries and keys."""
        q, k = self.rotate(q, k, start)
        return F.elu(q) + 1, F.elu(k) + 1

    def mix(
        self, q: HeadVectors, k: HeadVectors, v: HeadVectors, gate: Gate | None, shared: ForwardPass
    ) -> HeadVectors:
        """Run the core; without order it needs no scan."""
        if shared.mask.causal:
            return super().mix(q, k, v, gate, shared)
        if not self.is_watched:
            return self.core.both_ways(q, k, v)
        weights = q @ k.transpose(-1, -2)
        weights = normalised(weights, weights.sum(dim=-1, keepdim=True))
        return self.seen(weights, v, shared)
