"""Attention with a gate on its output."""

from jaxtyping import Float
from torch import Tensor

from tuneformer.models.attention.layer_spec import LayerSpec
from tuneformer.models.attention.logit_shell import LogitShell
from tuneformer.models.attention.logits import LogitOptions, Logits
from tuneformer.models.attention.softmax import SoftmaxCore


class GatedOutputAttention(LogitShell):
    """y = W_output (heads * sigmoid(W_gate x)), heads as in multi-head attention (arXiv 2505.06708).

    The gate, a number for each one of each head, lets a head give nothing where it has found nothing. Time
    is O(T^2 d_model) for T tokens, memory O(T d_model); the cache keeps 2 d_model numbers a token.
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
        self.gate = self.linear(layer.d_model, layer.d_model)

    def finish(
        self, mixed: Float[Tensor, "batch head time value"], x: Float[Tensor, "batch time d_model"]
    ) -> Float[Tensor, "batch time d_model"]:
        """Gate the heads and project them."""
        return self.output(self.join_heads(mixed) * self.gate(x).sigmoid())
