"""Scaled dot-product attention."""

import torch.nn.functional as F
from jaxtyping import Bool, Float, Int
from torch import Tensor

from tuneformer.models.attention.mask import AttentionMask, masked_softmax
from tuneformer.models.attention.qkv.core import AttentionCore
from tuneformer.models.attention.qkv.cpu_bf16_sdpa import short_attention
from tuneformer.models.attention.qkv.logits import Logits, repeat_heads


class SoftmaxCore(AttentionCore):
    """softmax(logits + mask) v (arXiv 1706.03762, 3.2.1).

    Time is O(query * key). Memory is O(query + key) where torch has a fused kernel: logits that are
    scale q k^T. With a bias it also holds the bias, heads * query * key; with a soft cap, as on the
    explicit path, batch * heads * query * key.
    """

    def forward(
        self,
        q: Float[Tensor, "batch head query dim"],
        k: Float[Tensor, "batch kv_head key dim"],
        v: Float[Tensor, "batch kv_head key value"],
        mask: AttentionMask,
    ) -> Float[Tensor, "batch head query value"]:
        """Return the mixed values, by torch's fused kernel where it can."""
        n_queries, n_keys = q.shape[2], k.shape[2]
        # torch counts its own causal mask from the first key, right only when there are no keys before
        is_causal = mask.is_order_alone and n_queries == n_keys and self.logits.is_plain
        allowed = None if is_causal else mask.allowed(n_queries, n_keys, q.device)
        dropout = self.dropout if self.training else 0.0
        return softmax_attention(
            q,
            k,
            v,
            logits=self.logits,
            allowed=allowed,
            distance=self.distance(q, k, mask),
            is_causal=is_causal,
            may_be_blind=mask.visible is not None,
            dropout=dropout,
        )

    def weights(
        self,
        q: Float[Tensor, "batch head query dim"],
        k: Float[Tensor, "batch kv_head key dim"],
        mask: AttentionMask,
    ) -> Float[Tensor, "batch head query key"]:
        """Return softmax(logits + mask)."""
        logits = self.logits(q, k, self.distance(q, k, mask))
        return masked_softmax(logits, mask.allowed(q.shape[2], k.shape[2], q.device))


def softmax_attention(
    q: Float[Tensor, "batch head query dim"],
    k: Float[Tensor, "batch kv_head key dim"],
    v: Float[Tensor, "batch kv_head key value"],
    *,
    logits: Logits,
    allowed: Bool[Tensor, "*_ _ _"] | None,
    distance: Int[Tensor, "*blocks query key"] | None,
    is_causal: bool,
    may_be_blind: bool,
    dropout: float,
) -> Float[Tensor, "batch head query value"]:
    """Return softmax(logits + mask) v.

    Args:
        logits: what makes them; a soft cap takes the explicit path.
        allowed: which keys a query may see; None: all, or with `is_causal` those up to itself.
        distance: query minus key, where the logits have a bias.
        is_causal: torch's own mask, from the first query and the first key on.
        may_be_blind: whether some query may see nothing; its output is 0.
        dropout: probability of the weights.
    """
    if logits.soft_cap is not None:
        weights = masked_softmax(logits(q, k, distance), allowed)
        return F.dropout(weights, dropout) @ repeat_heads(v, q.shape[1])
    blind = None
    if may_be_blind:
        assert allowed is not None
        # what a kernel makes of a row without any key differs: it sees all, and its output is dropped
        blind = ~allowed.any(dim=-1, keepdim=True)
        allowed = allowed | blind
    bias = allowed
    if logits.bias is not None:
        bias = logits.head_bias(distance, q.dtype)
        bias = bias if allowed is None else bias.masked_fill(~allowed, float("-inf"))
    mixed = fused(q, k, v, mask=bias, is_causal=is_causal, scale=logits.scale, dropout=dropout)
    return mixed if blind is None else mixed.masked_fill(blind, 0.0)


def fused(
    q: Float[Tensor, "batch head query dim"],
    k: Float[Tensor, "batch kv_head key dim"],
    v: Float[Tensor, "batch kv_head key value"],
    *,
    mask: Tensor | None,
    is_causal: bool,
    scale: float | None,
    dropout: float,
) -> Float[Tensor, "batch head query value"]:
    """Return torch's scaled_dot_product_attention, the shorter of keys and values filled up with 0.

    Where the sizes differ torch has a fused kernel on some devices only, and would hold the whole map.
    Where products of matrices are faster, it is `short_attention`.
    """
    scale = float(q.shape[-1] ** -0.5) if scale is None else scale
    if mask is None and dropout == 0:
        short = short_attention(q, k, v, is_causal=is_causal, scale=scale)
        if short is not None:
            return short
    n_values, dim = v.shape[-1], max(q.shape[-1], v.shape[-1])
    q, k, v = (x if x.shape[-1] == dim else F.pad(x, (0, dim - x.shape[-1])) for x in (q, k, v))
    mixed = F.scaled_dot_product_attention(
        q,
        k,
        v,
        attn_mask=mask,
        dropout_p=dropout,
        is_causal=is_causal,
        scale=scale,
        enable_gqa=k.shape[1] != q.shape[1],
    )
    return mixed if n_values == dim else mixed[..., :n_values]
