"""Multi-head attention."""

from tuneformer.models.attention.layer_spec import LayerSpec
from tuneformer.models.attention.shell import AttentionShell
from tuneformer.models.attention.softmax import SoftmaxCore


class MultiHeadAttention(AttentionShell):
    """head_h = softmax(scale Q_h K_h^T + mask) V_h, concatenated and projected (arXiv 1706.03762, 3.2.2).

    `scale=None` is the layer's own: 1 / sqrt(head_dim), unless the model says otherwise. `qk_norm`: see
    AttentionShell.
    """

    def __init__(self, *, layer: LayerSpec, qk_norm: bool, scale: float | None) -> None:
        core = SoftmaxCore(scale=layer.logit_scale if scale is None else scale, dropout=layer.dropout)
        super().__init__(layer=layer, core=core, n_key_value_heads=layer.n_heads, qk_norm=qk_norm)
