"""Sparse attention to the k best keys."""

import torch
from jaxtyping import Float
from torch import Tensor

from tuneformer.models.attention.base import QKVAttentionBase
from tuneformer.models.attention.layer_spec import LayerSpec
from tuneformer.models.attention.mask import AttentionMask, masked_softmax
from tuneformer.models.attention.qkv.core import AttentionCore
from tuneformer.models.attention.settings import TopKAttentionSettings


class TopKCore(AttentionCore):
    """softmax over the k largest of the logits that the mask allows, v."""

    def __init__(self, *, layer: LayerSpec, settings: TopKAttentionSettings) -> None:
        super().__init__(layer=layer, settings=settings)
        self.k = settings.k

    def weights(
        self,
        q: Float[Tensor, "batch head query dim"],
        k: Float[Tensor, "batch kv_head key dim"],
        mask: AttentionMask,
    ) -> Float[Tensor, "batch head query key"]:
        """Return the softmax over the kept keys: k of them, more where some tie for the last place.

        Logits tie that rounding alone could tell apart: decoding step by step rounds otherwise than the
        whole text at once, and must keep the same keys.
        """
        logits = self.logits(q, k, self.distance(q, k, mask))
        allowed = mask.allowed(q.shape[2], k.shape[2], q.device)
        known = logits.detach()
        size = known if allowed is None else known.masked_fill(~allowed, 0.0)
        if allowed is not None:
            known = known.masked_fill(~allowed, torch.finfo(known.dtype).min)
        last = known.topk(min(self.k, k.shape[2]), dim=-1).values[..., -1:]
        kept = known >= last - rounding(known.dtype) * (1 + size.abs().amax(dim=-1, keepdim=True))
        return masked_softmax(logits, kept if allowed is None else kept & allowed)


def rounding(dtype: torch.dtype) -> float:
    """Return how far equal logits of size 1 may come out apart: 64 eps of the precision, in 16 bits 2^-8."""
    return min(64 * torch.finfo(dtype).eps, 2.0**-8)


class TopKAttention(QKVAttentionBase):
    """softmax over the k largest logits of each query, the others 0 (arXiv 1912.11637).

    Where fewer than k keys may be seen all are kept, and so are all that tie for the last place. Time and
    memory are O(T^2 heads) for T tokens: the
    logits must all be known to be compared. The cache keeps 2 d_model numbers a token.
    """

    core_class = TopKCore
