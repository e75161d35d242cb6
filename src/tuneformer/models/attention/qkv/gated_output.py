"""Attention with a gate on its output."""

from jaxtyping import Float
from torch import Tensor

from tuneformer.models.attention.base import QKVAttentionBase
from tuneformer.models.attention.layer_spec import LayerSpec
from tuneformer.models.attention.settings import QKVAttentionSettings


class GatedOutputAttention(QKVAttentionBase):
    """y = W_output (heads * sigmoid(W_gate x)), heads as in multi-head attention (arXiv 2505.06708).

    The gate, a number for each one of each head, lets a head give nothing where it has found nothing. Time
    is O(T^2 d_model) for T tokens, memory O(T d_model); the cache keeps 2 d_model numbers a token.
    """

    def __init__(self, *, layer: LayerSpec, settings: QKVAttentionSettings) -> None:
        super().__init__(layer=layer, settings=settings)
        self.gate = self.linear(layer.d_model, layer.d_model)

    def finish(
        self, mixed: Float[Tensor, "batch head time value"], x: Float[Tensor, "batch time d_model"]
    ) -> Float[Tensor, "batch time d_model"]:
        """Gate the heads and project them."""
        return self.output(self.join_heads(mixed) * self.gate(x).sigmoid())
