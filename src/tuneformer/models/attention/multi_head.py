"""Multi-head attention."""

from tuneformer.models.attention.layer_spec import LayerSpec
from tuneformer.models.attention.logit_shell import LogitShell
from tuneformer.models.attention.logits import LogitOptions, Logits
from tuneformer.models.attention.softmax import SoftmaxCore


class MultiHeadAttention(LogitShell):
    """head_h = softmax(scale Q_h K_h^T + mask) V_h, concatenated and projected (arXiv 1706.03762, 3.2.2).

    Time is O(T^2 d_model) for T tokens, memory O(T d_model); the cache keeps 2 d_model numbers a token. The
    settings that it shares with the other modules that have logits: see LogitOptions.
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
        options = LogitOptions(
            scale=scale,
            qk_norm=qk_norm,
            cosine=cosine,
            logit_soft_cap=logit_soft_cap,
            value_residual=value_residual,
        )
        core = SoftmaxCore(logits=Logits(layer=layer, options=options), dropout=layer.dropout)
        super().__init__(layer=layer, core=core, options=options, n_key_value_heads=layer.n_heads)
