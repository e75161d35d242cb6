"""Scaled dot-product attention."""

import math

import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor

from tuneformer.models.attention.core import AttentionCore
from tuneformer.models.attention.mask import AttentionMask, masked_softmax


class SoftmaxCore(AttentionCore):
    """softmax(scale q k^T + mask) v (arXiv 1706.03762, 3.2.1); `scale=None` is 1 / sqrt(dim).

    Time is O(query * key); memory O(query + key) on the fused path and O(query * key) on the other.
    """

    def __init__(self, *, scale: float | None, dropout: float) -> None:
        super().__init__()
        self.scale = scale
        self.dropout = dropout

    def forward(
        self,
        q: Float[Tensor, "batch head query dim"],
        k: Float[Tensor, "batch head key dim"],
        v: Float[Tensor, "batch head key value"],
        mask: AttentionMask,
    ) -> Float[Tensor, "batch head query value"]:
        """Return the mixed values, by torch's fused kernel."""
        n_queries, n_keys = q.shape[2], k.shape[2]
        dropout = self.dropout if self.training else 0.0
        # torch counts its own causal mask from the first key, right only when there are no keys before
        is_causal = mask.causal and mask.visible is None and n_queries == n_keys
        allowed = None if is_causal else mask.allowed(n_queries, n_keys, q.device)
        if mask.visible is None:
            return F.scaled_dot_product_attention(
                q, k, v, attn_mask=allowed, dropout_p=dropout, is_causal=is_causal, scale=self.scale
            )
        assert allowed is not None
        # what a kernel makes of a row without any key differs: it sees all, and its output is dropped
        blind = ~allowed.any(dim=-1, keepdim=True)
        mixed = F.scaled_dot_product_attention(
            q, k, v, attn_mask=allowed | blind, dropout_p=dropout, scale=self.scale
        )
        return mixed.masked_fill(blind, 0.0)

    def weights(
        self,
        q: Float[Tensor, "batch head query dim"],
        k: Float[Tensor, "batch head key dim"],
        mask: AttentionMask,
    ) -> Float[Tensor, "batch head query key"]:
        """Return softmax(scale q k^T + mask)."""
        scale = 1 / math.sqrt(q.shape[-1]) if self.scale is None else self.scale
        logits = (q * scale) @ k.transpose(-1, -2)
        return masked_softmax(logits, mask.allowed(q.shape[2], k.shape[2], q.device))
