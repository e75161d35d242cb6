"""Multi-head attention."""

from tuneformer.models.attention.base import QKVAttentionBase


class MultiHeadAttention(QKVAttentionBase):
    """head_h = softmax(scale Q_h K_h^T + mask) V_h, concatenated and projected (arXiv 1706.03762, 3.2.2).

    Time is O(T^2 d_model) for T tokens, memory O(T d_model); the cache keeps 2 d_model numbers a token.
    """
