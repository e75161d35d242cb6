"""Multi-query attention."""

from tuneformer.models.attention.base import QKVAttentionBase
from tuneformer.models.attention.layer_spec import LayerSpec
from tuneformer.models.attention.settings import QKVAttentionSettings


class MultiQueryAttention(QKVAttentionBase):
    """head_h = softmax(scale Q_h K^T + mask) V: the heads share one of keys and values (arXiv 1911.02150).

    Time is O(T^2 d_model) for T tokens, memory O(T d_model); the cache keeps 2 head_dim numbers a token.
    """

    def __init__(self, *, layer: LayerSpec, settings: QKVAttentionSettings) -> None:
        super().__init__(layer=layer, settings=settings, n_key_value_heads=1)
