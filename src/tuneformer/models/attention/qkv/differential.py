"""Differential attention."""

import math

import torch
from jaxtyping import Float
from torch import Tensor, nn

from tuneformer.models.attention.base import QKVAttentionBase
from tuneformer.models.attention.layer_spec import LayerSpec
from tuneformer.models.attention.mask import AttentionMask
from tuneformer.models.attention.qkv.softmax import SoftmaxCore
from tuneformer.models.attention.settings import DifferentialAttentionSettings, QKVAttentionSettings
from tuneformer.models.norms import RMSNorm


class DifferentialCore(SoftmaxCore):
    """(A1 - lambda A2) v, A the softmax maps of the even and of the odd heads of queries and keys."""

    def __init__(self, *, layer: LayerSpec, settings: QKVAttentionSettings) -> None:
        map_scale = None if layer.logit_scale is None else math.sqrt(2) * layer.logit_scale
        super().__init__(layer=layer, settings=settings, default_scale=map_scale)
        self.initial_lambda = initial_lambda(layer)
        key_dim = layer.d_model // layer.n_heads // 2
        self.query_lambda = nn.Parameter(torch.empty(2, key_dim))
        self.key_lambda = nn.Parameter(torch.empty(2, key_dim))

    def reset_parameters(self) -> None:
        """Draw the four vectors from normal(0, 0.1), as the paper's code does."""
        for parameter in (self.query_lambda, self.key_lambda):
            drawn = torch.empty(parameter.shape, dtype=torch.float32, device="cpu").normal_(std=0.1)
            with torch.no_grad():
                parameter.copy_(drawn)

    def lambda_(self) -> Float[Tensor, ""]:
        """Return exp(lq1 lk1) - exp(lq2 lk2) + the initial lambda."""
        first, second = (self.query_lambda * self.key_lambda).sum(dim=-1).exp().unbind()
        return first - second + self.initial_lambda

    def forward(
        self,
        q: Float[Tensor, "batch map query dim"],
        k: Float[Tensor, "batch map key dim"],
        v: Float[Tensor, "batch head key value"],
        mask: AttentionMask,
    ) -> Float[Tensor, "batch head query value"]:
        """Return the difference of two fused attentions."""
        first = super().forward(q[:, ::2], k[:, ::2], v, mask)
        second = super().forward(q[:, 1::2], k[:, 1::2], v, mask)
        return first - self.lambda_().to(v.dtype) * second

    def weights(
        self,
        q: Float[Tensor, "batch map query dim"],
        k: Float[Tensor, "batch map key dim"],
        mask: AttentionMask,
    ) -> Float[Tensor, "batch head query key"]:
        """Return A1 - lambda A2: signed, and 1 - lambda in all."""
        first = super().weights(q[:, ::2], k[:, ::2], mask)
        second = super().weights(q[:, 1::2], k[:, 1::2], mask)
        return first - self.lambda_().to(first.dtype) * second


def initial_lambda(layer: LayerSpec) -> float:
    """Return 0.8 - 0.6 exp(-0.3 layer), layers from 0."""
    return 0.8 - 0.6 * math.exp(-0.3 * layer.site.layer)


class DifferentialAttention(QKVAttentionBase):
    """head_h = (1 - l0) norm((A1 - lambda A2) V_h), A_i = softmax(scale Q_hi K_hi^T) (arXiv 2410.05258, 2.1).

    The two maps of a head have half of its numbers each; lambda = exp(lq1 lk1) - exp(lq2 lk2) + l0 is learned
    by the layer, l0 = 0.8 - 0.6 exp(-0.3 layer), layers from 0; the norm is an RMS norm of each head. The
    explicit weights are those before the norm. Time is O(T^2 d_model) for T tokens, half as much again as
    multi-head attention, memory O(T d_model); the cache keeps 2 d_model numbers a token.
    """

    core_class = DifferentialCore

    def __init__(self, *, layer: LayerSpec, settings: DifferentialAttentionSettings) -> None:
        super().__init__(layer=layer, settings=settings, maps_per_head=2)
        self.kept_share = 1 - initial_lambda(layer)
        self.head_norm = RMSNorm(self.head_dim)

    def finish(
        self, mixed: Float[Tensor, "batch head time value"], x: Float[Tensor, "batch time d_model"]
    ) -> Float[Tensor, "batch time d_model"]:
        """Norm and scale the heads, and project them."""
        return self.output(self.join_heads(self.kept_share * self.head_norm(mixed)))

    def mixing_flops(self, n_keys: int) -> float:
        """Return 6 d_model operations a key: two maps of half the size, each over all values."""
        return 6.0 * self.layer.d_model * n_keys
