"""What attention modules share: heads and the output projection; with logits also projections and cache."""

import math
from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import ClassVar, TypeVar

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from tuneformer.errors import UserError
from tuneformer.models.attention.explicit import SeenAttention, WatchedHeads
from tuneformer.models.attention.layer_spec import AttentionSite, LayerSpec
from tuneformer.models.attention.mask import AttentionMask
from tuneformer.models.attention.qkv.core import AttentionCore
from tuneformer.models.attention.qkv.logits import repeat_heads
from tuneformer.models.attention.qkv.softmax import SoftmaxCore
from tuneformer.models.attention.settings import AttentionSettings, QKVAttentionSettings
from tuneformer.models.forward_pass import ForwardPass
from tuneformer.models.key_value_cache import KeyValueCache, LayerCache, LayerKeyValues
from tuneformer.models.norms import RMSNorm

Cache = TypeVar("Cache", bound=LayerCache)
HeadQueries = Float[Tensor, "batch time head dim"]
HeadKeys = Float[Tensor, "batch key kv_head dim"]


class AttentionBase(WatchedHeads, ABC):
    """What a model calls an attention module: y = W_output mix(x), heads of d_model / n_heads numbers.

    A module of conf/attention is built from it by way of `QKVAttentionBase`, where each pair of query and
    key has a logit, or `RecurrentAttentionBase`, where the past is a state. It makes the matrix `output`.
    """

    def __init__(self, *, layer: LayerSpec, settings: AttentionSettings) -> None:
        """Build what needs only the layer.

        Raises:
            UserError: the layer cannot have the module.
        """
        super().__init__()
        settings.check(d_model=layer.d_model, n_heads=layer.n_heads)
        if layer.logit_scale is not None:
            settings.check_width_transfer()
        if not (layer.causal or settings.sees_both_ways):
            kind = type(self).__name__
            raise UserError(f"attention={kind} sees the past only: it cannot be in the {layer.site.stack}")
        self.layer = layer
        self.head_dim = layer.d_model // layer.n_heads

    @property
    def site(self) -> AttentionSite:
        """Where it is in the model."""
        return self.layer.site

    @property
    def heads_are_plain(self) -> bool:
        """Whether nothing norms or gates the heads before the output matrix."""
        return type(self).finish is AttentionBase.finish

    @abstractmethod
    def forward(
        self, x: Float[Tensor, "batch time d_model"], shared: ForwardPass
    ) -> Float[Tensor, "batch time d_model"]:
        """Return what the tokens gather from those they may see."""

    @abstractmethod
    def new_cache(self) -> LayerCache:
        """Return an empty cache for this layer."""

    @abstractmethod
    def mixing_flops(self, n_keys: int) -> float:
        """Return the operations that mixing `n_keys` keys costs one query, forward: q k^T and weights @ v.

        A multiplication and an addition count as two; the projections are parameters and not counted.
        """

    def linear(self, width_in: int, width_out: int) -> nn.Linear:
        """Return a linear layer, with a bias where the model has them."""
        return nn.Linear(width_in, width_out, bias=self.layer.bias)

    def finish(
        self, mixed: Float[Tensor, "batch head time value"], x: Float[Tensor, "batch time d_model"]
    ) -> Float[Tensor, "batch time d_model"]:
        """Join the heads and project them; `x` is for modules that gate them by it."""
        return self.output(self.join_heads(mixed))

    def split_heads(self, x: Float[Tensor, "batch time width"]) -> Float[Tensor, "batch head time dim"]:
        """Cut vectors into heads of head_dim numbers."""
        return x.unflatten(2, (-1, self.head_dim)).transpose(1, 2)

    def join_heads(self, x: Float[Tensor, "batch head time dim"]) -> Float[Tensor, "batch time width"]:
        """Concatenate the heads again."""
        return x.transpose(1, 2).flatten(2)

    def cache_of(self, cache: KeyValueCache, kind: type[Cache]) -> Cache:
        """Return what `new_cache` made for this layer, which is of this kind."""
        mine = cache.layers[self.layer.site]
        assert isinstance(mine, kind), f"{self.layer.site} keeps a {type(mine).__name__}"
        return mine


class QKVAttentionBase(AttentionBase):
    """Self-attention around a core: y = W_output core(W_query x, W_key x, W_value x).

    The options of `QKVAttentionSettings` that concern queries, keys and values act here, those of the
    logits in the core. A subclass names its core; what differs more overrides a method.
    """

    core_class: ClassVar[Callable[..., AttentionCore]] = SoftmaxCore

    def __init__(
        self,
        *,
        layer: LayerSpec,
        settings: QKVAttentionSettings,
        n_key_value_heads: int | None = None,
        maps_per_head: int = 1,
        key_dim: int | None = None,
    ) -> None:
        """Build the projections of `layer`, and the core.

        Args:
            layer: what the module is built for.
            settings: what it is set to; the core reads its own there.
            n_key_value_heads: which the query heads share in groups; None: as many as query heads.
            maps_per_head: pairs of a query and a key in each head, which share its numbers.
            key_dim: numbers of a query and a key; None: those of a head, shared out to its maps.

        Raises:
            UserError: the layer cannot have the module.
        """
        super().__init__(layer=layer, settings=settings)
        n_query_heads = maps_per_head * layer.n_heads
        self.n_key_value_heads = layer.n_heads if n_key_value_heads is None else n_key_value_heads
        self.key_dim = layer.d_model // n_query_heads if key_dim is None else key_dim
        self.settings = settings
        self.query_norm = RMSNorm(self.key_dim) if settings.qk_norm else None
        self.key_norm = RMSNorm(self.key_dim) if settings.qk_norm else None
        self.cosine = CosineScale(n_query_heads, layer.context_length) if settings.cosine else None
        self.core = type(self).core_class(layer=layer, settings=settings)
        self.make_projections()

    def make_projections(self) -> None:
        """Make the matrices, and what puts positions into queries and keys."""
        width = self.layer.d_model
        self.query = self.linear(width, width)
        self.key = self.linear(width, self.n_key_value_heads * self.head_dim)
        self.value = self.linear(width, self.n_key_value_heads * self.head_dim)
        self.output = self.linear(width, width)
        self.positions = self.layer.head_positions(head_dim=self.key_dim)

    def forward(
        self, x: Float[Tensor, "batch time d_model"], shared: ForwardPass
    ) -> Float[Tensor, "batch time d_model"]:
        """Return what the tokens gather from those they may see."""
        q, k, v = self.project(x, shared)
        if shared.cache is not None:
            k, v = self.cache_of(shared.cache, LayerKeyValues).extend(shared.start, k, v)
        return self.finish(self.mix(q, k, v, shared.mask), x)

    def project(
        self, x: Float[Tensor, "batch time d_model"], shared: ForwardPass
    ) -> tuple[
        Float[Tensor, "batch head time dim"],
        Float[Tensor, "batch kv_head time dim"],
        Float[Tensor, "batch value_head time value"],
    ]:
        """Return queries, keys and values of these tokens, in heads, normed, mixed and positioned."""
        q, k = (linear(x).unflatten(2, (-1, self.key_dim)) for linear in (self.query, self.key))
        q, k = self.normalise(q, k)
        if self.positions is not None:
            q, k = self.positions(q, k, shared.start, shared.document_positions(x.shape[1]))
        v = self.with_first_values(self.split_heads(self.value(x)), shared)
        return q.transpose(1, 2), k.transpose(1, 2), v  # (B, T, H, D) -> (B, H, T, D)

    def normalise(self, q: HeadQueries, k: HeadKeys) -> tuple[HeadQueries, HeadKeys]:
        """Norm queries and keys as the settings say, the heads before the last dimension."""
        if self.query_norm is not None and self.key_norm is not None:
            return self.query_norm(q), self.key_norm(k)
        if self.cosine is not None:
            return self.cosine(q, k)
        return q, k

    def with_first_values(
        self, v: Float[Tensor, "batch head time value"], shared: ForwardPass
    ) -> Float[Tensor, "batch head time value"]:
        """Mix the values with those of the first layer, where it is set; the first shows its own."""
        mix = self.settings.value_residual
        if mix is None:
            return v
        if self.layer.site.layer == 0:
            shared.first_values.append(v)
            return v
        return torch.lerp(v, shared.first_values[0], mix)

    def mix(
        self,
        q: Float[Tensor, "batch head query dim"],
        k: Float[Tensor, "batch kv_head key dim"],
        v: Float[Tensor, "batch value_head key value"],
        mask: AttentionMask,
    ) -> Float[Tensor, "batch mixed_head query value"]:
        """Run the core: fused, or explicit where someone wants to see or edit the weights."""
        if not self.is_watched:
            return self.core(q, k, v, mask)
        weights = self.edited(self.layer.site, self.core.weights(q, k, mask))
        v = repeat_heads(v, weights.shape[1])
        if self.watch is not None:
            logits = self.core.logits(q, k, self.core.distance(q, k, mask))
            allowed = self.core.allowed(q, k, mask)
            seen = SeenAttention(weights=weights, values=v, logits=logits, allowed=allowed)
            self.watch(self.layer.site, seen)
        return F.dropout(weights, self.layer.dropout, self.training) @ v

    def new_cache(self) -> LayerCache:
        """Return an empty cache for this layer."""
        return LayerKeyValues(capacity=self.layer.context_length)

    def mixing_flops(self, n_keys: int) -> float:
        """Return 4 d_model operations a key: a product for the logit and one for the value."""
        return 4.0 * self.layer.d_model * n_keys


class CosineScale(nn.Module):
    """q -> g q / |q|, k -> k / |k|, with a learned g for each head (2010.04245; heads: 2111.09883).

    g begins at log2(L^2 - L), L the context: what gives one key of L a large share.
    """

    def __init__(self, n_heads: int, context_length: int) -> None:
        super().__init__()
        self.context_length = context_length
        self.cosine_scale = nn.Parameter(torch.empty(n_heads))

    def reset_parameters(self) -> None:
        """Set every g to the paper's."""
        n = max(self.context_length, 2)
        nn.init.constant_(self.cosine_scale, math.log2(n**2 - n))

    def forward(self, q: HeadQueries, k: HeadKeys) -> tuple[HeadQueries, HeadKeys]:
        """Apply the equation above over the last dimension."""
        scaled = F.normalize(q, dim=-1) * self.cosine_scale.unsqueeze(-1).to(q.dtype)
        return scaled, F.normalize(k, dim=-1)
