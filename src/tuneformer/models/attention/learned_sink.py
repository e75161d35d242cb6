"""Attention with a learned sink."""

from tuneformer.models.attention.layer_spec import LayerSpec
from tuneformer.models.attention.logit_shell import LogitShell
from tuneformer.models.attention.logits import LogitOptions, Logits
from tuneformer.models.attention.sink import SinkCore


class LearnedSinkAttention(LogitShell):
    """weights e^s_j / (e^z_h + sum e^s_j), z_h learned by head h (gpt-oss, arXiv 2508.10925).

    z begins at 0, where it is softmax-one. Time is O(T^2 d_model) for T tokens, memory O(T d_model) for
    plain causal logits and O(T^2 heads) otherwise; the cache keeps 2 d_model numbers a token.
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
        core = SinkCore(
            logits=Logits(layer=layer, options=options), dropout=layer.dropout, n_heads=layer.n_heads
        )
        super().__init__(layer=layer, core=core, options=options, n_key_value_heads=layer.n_heads)
