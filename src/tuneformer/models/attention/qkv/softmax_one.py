"""Softmax-one attention."""

from tuneformer.models.attention.base import QKVAttentionBase
from tuneformer.models.attention.qkv.sink import SinkCore


class SoftmaxOneAttention(QKVAttentionBase):
    """weights e^s_j / (1 + sum e^s_j) (Miller 2023, "Attention is off by one"): a head may attend to nothing.

    The softmax's own weights times sigmoid(logsumexp(s)). Time is O(T^2 d_model) for T tokens, memory
    O(T d_model) for plain causal logits and O(T^2 heads) otherwise; the cache keeps 2 d_model numbers a
    token.
    """

    core_class = SinkCore
