"""Softmax-one attention."""

from tuneformer.models.attention.layer_spec import LayerSpec
from tuneformer.models.attention.logit_shell import LogitShell
from tuneformer.models.attention.logits import LogitOptions, Logits
from tuneformer.models.attention.sink import SinkCore


class SoftmaxOneAttention(LogitShell):
    """weights e^s_j / (1 + sum e^s_j) (Miller 2023, "Attention is off by one"): a head may attend to nothing.

    The softmax's own weights times sigmoid(logsumexp(s)). Time is O(T^2 d_model) for T tokens, memory
    O(T d_model) for plain causal logits and O(T^2 heads) otherwise; the cache keeps 2 d_model numbers a
    token.
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
        core = SinkCore(logits=Logits(layer=layer, options=options), dropout=layer.dropout, n_heads=None)
        super().__init__(layer=layer, core=core, options=options, n_key_value_heads=layer.n_heads)
