"""Talking-heads attention."""

import torch
from jaxtyping import Float
from torch import Tensor, nn

from tuneformer.models.attention.base import QKVAttentionBase
from tuneformer.models.attention.layer_spec import LayerSpec
from tuneformer.models.attention.mask import AttentionMask, masked_softmax
from tuneformer.models.attention.qkv.core import AttentionCore
from tuneformer.models.attention.settings import QKVAttentionSettings


class TalkingHeadsCore(AttentionCore):
    """P_w softmax(P_l logits + mask) v, the matrices acting on the heads."""

    def __init__(self, *, layer: LayerSpec, settings: QKVAttentionSettings) -> None:
        super().__init__(layer=layer, settings=settings)
        self.logit_mix = nn.Parameter(torch.empty(layer.n_heads, layer.n_heads))
        self.weight_mix = nn.Parameter(torch.empty(layer.n_heads, layer.n_heads))

    def reset_parameters(self) -> None:
        """Begin as multi-head attention: the identity."""
        nn.init.eye_(self.logit_mix)
        nn.init.eye_(self.weight_mix)

    def weights(
        self,
        q: Float[Tensor, "batch head query dim"],
        k: Float[Tensor, "batch kv_head key dim"],
        mask: AttentionMask,
    ) -> Float[Tensor, "batch head query key"]:
        """Return the mixed weights: signed, and of any sum, once P_w is no longer the identity."""
        logits = self.logits(q, k, self.distance(q, k, mask))
        logits = torch.einsum("gh,bhqk->bgqk", self.logit_mix.to(logits.dtype), logits)
        weights = masked_softmax(logits, mask.allowed(q.shape[2], k.shape[2], q.device))
        return torch.einsum("gh,bhqk->bgqk", self.weight_mix.to(weights.dtype), weights)


class TalkingHeadsAttention(QKVAttentionBase):
    """head_g = sum_h P_w[g, h] softmax(sum_i P_l[h, i] logits_i) V_g (arXiv 2003.02436).

    Time is O(T^2 (d_model + heads^2)) for T tokens, memory O(T^2 heads), as there is no fused kernel; the
    cache keeps 2 d_model numbers a token.
    """

    core_class = TalkingHeadsCore

    def mixing_flops(self, n_keys: int) -> float:
        """Return those of multi-head attention and 4 heads^2 a key for the two matrices."""
        return super().mixing_flops(n_keys) + 4.0 * self.layer.n_heads**2 * n_keys
