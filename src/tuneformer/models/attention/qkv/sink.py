"""Softmax with one more logit, which takes weight and gives no value."""

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from tuneformer.models.attention.layer_spec import LayerSpec
from tuneformer.models.attention.mask import AttentionMask
from tuneformer.models.attention.qkv.softmax import SoftmaxCore, fused
from tuneformer.models.attention.settings import QKVAttentionSettings


class SinkCore(SoftmaxCore):
    """e^s_j / (e^z + sum e^s_j) v_j over the allowed keys: a softmax of the logits and z, z's share dropped.

    z = 0 without `logit_sink`. The fused path is for plain causal logits: a token is put before the text
    whose key has the logit z with every query and whose value is 0, so that torch's own causal mask holds.
    Everything else takes the explicit path, in memory O(T^2 heads).
    """

    def __init__(self, *, layer: LayerSpec, settings: QKVAttentionSettings) -> None:
        super().__init__(layer=layer, settings=settings)
        self.logit_sink: nn.Parameter | None = None

    def forward(
        self,
        q: Float[Tensor, "batch head query dim"],
        k: Float[Tensor, "batch kv_head key dim"],
        v: Float[Tensor, "batch kv_head key value"],
        mask: AttentionMask,
    ) -> Float[Tensor, "batch head query value"]:
        """Return the mixed values, by torch's fused kernel where the logits are plain and causal."""
        is_text = mask.is_order_alone and q.shape[2] == k.shape[2]
        if not (is_text and self.logits.is_plain):
            weights = self.weights(q, k, mask)
            return F.dropout(weights, self.dropout, self.training) @ v
        scale = q.shape[-1] ** -0.5 if self.logits.scale is None else self.logits.scale
        q, k, v = (F.pad(x, (0, 0, 1, 0)) for x in (q, k, v))
        if self.logit_sink is not None:  # one more number: 1 in queries, z / scale in the sink's key
            q = F.pad(q, (0, 1), value=1.0)
            sink = (self.logit_sink / scale).to(k.dtype)[None, :, None, None].expand(k.shape[0], -1, 1, 1)
            k = torch.cat((k, F.pad(sink, (0, 0, 0, k.shape[2] - 1))), dim=-1)
        dropout = self.dropout if self.training else 0.0
        mixed = fused(q, k, v, mask=None, is_causal=True, scale=scale, dropout=dropout)
        return mixed[:, :, 1:]

    def weights(
        self,
        q: Float[Tensor, "batch head query dim"],
        k: Float[Tensor, "batch kv_head key dim"],
        mask: AttentionMask,
    ) -> Float[Tensor, "batch head query key"]:
        """Return the shares of the keys: less than 1 in all."""
        logits = self.logits(q, k, self.distance(q, k, mask))
        allowed = mask.allowed(q.shape[2], k.shape[2], q.device)
        if allowed is not None:
            logits = logits.masked_fill(~allowed, float("-inf"))
        sink = logits.new_zeros(q.shape[1]) if self.logit_sink is None else self.logit_sink.to(logits.dtype)
        column = sink[None, :, None, None].expand(*logits.shape[:3], 1)
        return torch.cat((logits, column), dim=-1).softmax(dim=-1)[..., :-1]


class LearnedSinkCore(SinkCore):
    """The same with a z that each head learns."""

    def __init__(self, *, layer: LayerSpec, settings: QKVAttentionSettings) -> None:
        super().__init__(layer=layer, settings=settings)
        self.logit_sink = nn.Parameter(torch.empty(layer.n_heads))

    def reset_parameters(self) -> None:
        """Begin at z = 0."""
        assert self.logit_sink is not None
        nn.init.zeros_(self.logit_sink)
