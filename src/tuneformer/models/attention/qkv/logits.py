"""Attention logits."""

import math

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from tuneformer.models.attention.layer_spec import LayerSpec
from tuneformer.models.attention.settings import QKVAttentionSettings
from tuneformer.models.logit_bias import LogitBias


class Logits(nn.Module):
    """s_ij = bias(i - j) + cap(scale q_i k_j), cap(s) = c tanh(s / c) or s."""

    def __init__(
        self, *, layer: LayerSpec, settings: QKVAttentionSettings, default_scale: float | None = None
    ) -> None:
        """`default_scale`: in place of the layer's own, where the settings give none."""
        super().__init__()
        scale = layer.logit_scale if default_scale is None else default_scale
        self.scale = 1.0 if settings.cosine else scale if settings.scale is None else settings.scale
        self.soft_cap = settings.logit_soft_cap
        self.bias = layer.logit_bias(n_heads=layer.n_heads, causal=layer.causal) if layer.logit_bias else None

    @property
    def is_plain(self) -> bool:
        """Whether the logits are scale q k^T and no more."""
        return self.soft_cap is None and self.bias is None

    def forward(
        self,
        q: Float[Tensor, "batch head query dim"],
        k: Float[Tensor, "batch kv_head key dim"],
        distance: Int[Tensor, "*blocks query key"] | None,
    ) -> Float[Tensor, "batch head query key"]:
        """Return the logits; `distance`, query minus key, is needed where `bias` is."""
        scale = 1 / math.sqrt(q.shape[-1]) if self.scale is None else self.scale
        logits = (q * scale) @ repeat_heads(k, q.shape[1]).transpose(-1, -2)
        if self.soft_cap is not None:
            logits = self.soft_cap * torch.tanh(logits / self.soft_cap)
        return logits if self.bias is None else logits + self.head_bias(distance, logits.dtype)

    def head_bias(
        self, distance: Int[Tensor, "*blocks query key"] | None, dtype: torch.dtype
    ) -> Float[Tensor, "_ head query key"]:
        """Return the bias of each head and pair, the first dimension 1 or that of `distance`."""
        assert isinstance(self.bias, LogitBias)
        assert distance is not None
        bias = self.bias(distance).to(dtype)
        return bias.view(-1, *bias.shape[-3:])


def repeat_heads(
    x: Float[Tensor, "batch kv_head key dim"], n_heads: int
) -> Float[Tensor, "batch head key dim"]:
    """Give each query head its keys or values: head h has those of floor(h kv_heads / n_heads)."""
    return x if x.shape[1] == n_heads else x.repeat_interleave(n_heads // x.shape[1], dim=1)
