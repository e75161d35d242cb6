"""Multi-query attention."""

from tuneformer.models.attention.grouped_query import GroupedQueryAttention
from tuneformer.models.attention.layer_spec import LayerSpec


class MultiQueryAttention(GroupedQueryAttention):
    """head_h = softmax(scale Q_h K^T + mask) V: the heads share one of keys and values (arXiv 1911.02150).

    Time is O(T^2 d_model) for T tokens, memory O(T d_model); the cache keeps 2 head_dim numbers a token.
    """

    def __init__(
        self,
        *,
        layer: LayerSpec,
        scale: float | None,
        qk_norm: bool,
        cosine: bool,
        logit_soft_cap: float | None,
        value_residual: float | None,
    ) -> None:
        super().__init__(
            layer=layer,
            n_key_value_heads=1,
            scale=scale,
            qk_norm=qk_norm,
            cosine=cosine,
            logit_soft_cap=logit_soft_cap,
            value_residual=value_residual,
        )
