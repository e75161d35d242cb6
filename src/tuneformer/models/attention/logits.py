"""Attention logits, and the options that every module which has them takes."""

import math
from dataclasses import dataclass

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from tuneformer.errors import UserError
from tuneformer.models.attention.layer_spec import LayerSpec
from tuneformer.models.logit_bias import LogitBias


@dataclass(frozen=True, kw_only=True)
class LogitOptions:
    """What any module with logits can be told; the settings are explained in conf/attention/multi_head.yaml.

    Attributes:
        scale: what q k^T is multiplied by; None: the layer's own, 1 / sqrt(head_dim) as a rule.
        qk_norm: RMS-normalise queries and keys over the head dimension, with a learned gain
            (arXiv 2302.05442), before positions rotate them.
        cosine: L2-normalise them, and let each head learn the scale g: |logit| <= g (2010.04245).
        logit_soft_cap: c of c tanh(s / c), which bounds the logits s before bias and mask (Gemma 2,
            2408.00118); None: no bound.
        value_residual: m of (1 - m) V + m V_1, V_1 the values of the first layer (2410.17897); None: V.
    """

    scale: float | None
    qk_norm: bool
    cosine: bool
    logit_soft_cap: float | None
    value_residual: float | None

    def __post_init__(self) -> None:
        """Raise UserError where two options exclude each other."""
        for name, value in (("qk_norm", self.qk_norm), ("scale", self.scale)):
            if self.cosine and value:
                raise UserError(
                    f"attention.{name}={str(value).lower()} does not go with attention.cosine=true, which"
                    " normalises and scales by itself"
                )


class Logits(nn.Module):
    """s_ij = bias(i - j) + cap(scale q_i k_j), cap(s) = c tanh(s / c) or s."""

    def __init__(
        self, *, layer: LayerSpec, options: LogitOptions, default_scale: float | None = None
    ) -> None:
        """`default_scale`: in place of the layer's own, where the options give none."""
        super().__init__()
        scale = layer.logit_scale if default_scale is None else default_scale
        self.scale = 1.0 if options.cosine else scale if options.scale is None else options.scale
        self.soft_cap = options.logit_soft_cap
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
