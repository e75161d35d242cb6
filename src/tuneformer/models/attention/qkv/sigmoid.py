"""Sigmoid attention."""

import math

from jaxtyping import Float
from torch import Tensor

from tuneformer.models.attention.base import QKVAttentionBase
from tuneformer.models.attention.layer_spec import LayerSpec
from tuneformer.models.attention.mask import AttentionMask
from tuneformer.models.attention.qkv.core import AttentionCore
from tuneformer.models.attention.settings import QKVAttentionSettings


class SigmoidCore(AttentionCore):
    """sigmoid(logits - log n) v, the masked weights 0; n the context of the model."""

    def __init__(self, *, layer: LayerSpec, settings: QKVAttentionSettings) -> None:
        super().__init__(layer=layer, settings=settings)
        self.offset = -math.log(layer.context_length)

    def weights(
        self,
        q: Float[Tensor, "batch head query dim"],
        k: Float[Tensor, "batch kv_head key dim"],
        mask: AttentionMask,
    ) -> Float[Tensor, "batch head query key"]:
        """Return the weights: each key for itself, in no competition."""
        weights = (self.logits(q, k, self.distance(q, k, mask)) + self.offset).sigmoid()
        allowed = mask.allowed(q.shape[2], k.shape[2], q.device)
        return weights if allowed is None else weights.masked_fill(~allowed, 0.0)


class SigmoidAttention(QKVAttentionBase):
    """head_h = sigmoid(scale Q_h K_h^T - log n) V_h (arXiv 2409.04431), n the context of the model.

    The offset makes the weights of n keys add up to about 1 at first. n is fixed, so that a token does not
    change its mind as the text grows. Time and memory are O(T^2 heads) for T tokens, as there is no fused
    kernel; the cache keeps 2 d_model numbers a token.
    """

    core_class = SigmoidCore
