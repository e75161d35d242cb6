"""Attention with a learned sink."""

from tuneformer.models.attention.base import QKVAttentionBase
from tuneformer.models.attention.qkv.sink import LearnedSinkCore


class LearnedSinkAttention(QKVAttentionBase):
    """weights e^s_j / (e^z_h + sum e^s_j), z_h learned by head h (gpt-oss, arXiv 2508.10925).

    z begins at 0, where it is softmax-one. Time is O(T^2 d_model) for T tokens, memory O(T d_model) for
    plain causal logits and O(T^2 heads) otherwise; the cache keeps 2 d_model numbers a token.
    """

    core_class = LearnedSinkCore
