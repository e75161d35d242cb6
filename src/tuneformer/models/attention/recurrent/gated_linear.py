"""Gated linear attention."""

import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from tuneformer.models.attention.layer_spec import LayerSpec
from tuneformer.models.attention.recurrent.base import Gate, RecurrentAttentionBase, full_precision
from tuneformer.models.attention.recurrent.retention import DecayedCore, query_scale
from tuneformer.models.attention.settings import GatedLinearAttentionSettings
from tuneformer.models.norms import RMSNorm


class GatedLinearAttention(RecurrentAttentionBase):
    """S_t = diag(a_t) S_(t-1) + k_t v_t^T, o_t = S_t^T q_t / sqrt(head_dim) (GLA, arXiv 2312.06635).

    a_t = sigmoid(W_2 W_1 x_t + b)^(1 / temperature), W_1 to `gate_rank` numbers: each number of a key is
    forgotten at a rate of its own that the token decides. Then y = W_output (silu(W_gate x) * norm(o)), an
    RMS norm of each head. Time is O(T d_model head_dim) for T tokens, memory O(T d_model) and one state for
    each chunk of 16; the cache keeps heads * head_dim^2 numbers, however long the text. The explicit map,
    before norm and gate, is signed.
    """

    def __init__(self, *, layer: LayerSpec, settings: GatedLinearAttentionSettings) -> None:
        super().__init__(layer=layer, settings=settings, core=DecayedCore(scale=query_scale(layer)))
        self.temperature = settings.temperature
        self.decay_down = self.linear(layer.d_model, settings.gate_rank)
        self.decay_up = nn.Linear(settings.gate_rank, layer.d_model, bias=True)
        self.gate_output = self.linear(layer.d_model, layer.d_model)
        self.head_norm = RMSNorm(self.head_dim)

    def gate(self, x: Float[Tensor, "batch time d_model"]) -> Gate:
        """Return log a_t."""
        logits = self.split_heads(self.decay_up(self.decay_down(x)))
        return F.logsigmoid(full_precision(logits)) / self.temperature

    def finish(
        self, mixed: Float[Tensor, "batch head time value"], x: Float[Tensor, "batch time d_model"]
    ) -> Float[Tensor, "batch time d_model"]:
        """Norm the heads, gate and project them."""
        return self.output(F.silu(self.gate_output(x)) * self.join_heads(self.head_norm(mixed)))
