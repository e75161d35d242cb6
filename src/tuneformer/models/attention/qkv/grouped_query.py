"""Grouped-query attention."""

from tuneformer.models.attention.base import QKVAttentionBase
from tuneformer.models.attention.layer_spec import LayerSpec
from tuneformer.models.attention.settings import GroupedQueryAttentionSettings


class GroupedQueryAttention(QKVAttentionBase):
    """head_h = softmax(scale Q_h K_g^T + mask) V_g, g = floor(h G / H): a group of neighbours shares a head.

    G = n_key_value_heads of the H query heads (arXiv 2305.13245). Time is O(T^2 d_model) for T tokens,
    memory O(T d_model); the cache keeps 2 G head_dim numbers a token.
    """

    def __init__(self, *, layer: LayerSpec, settings: GroupedQueryAttentionSettings) -> None:
        super().__init__(layer=layer, settings=settings, n_key_value_heads=settings.n_key_value_heads)
