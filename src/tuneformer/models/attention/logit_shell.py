"""Attention by logits: projections, norms, positions, options and cache around a core."""

import math

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from tuneformer.errors import UserError
from tuneformer.models.attention.core import AttentionCore
from tuneformer.models.attention.layer_spec import LayerSpec
from tuneformer.models.attention.logits import LogitOptions, repeat_heads
from tuneformer.models.attention.mask import AttentionMask
from tuneformer.models.attention.shell import AttentionShell
from tuneformer.models.attention.watched import SeenAttention
from tuneformer.models.forward_pass import ForwardPass
from tuneformer.models.key_value_cache import LayerCache, LayerKeyValues
from tuneformer.models.norms import RMSNorm

HeadQueries = Float[Tensor, "batch time head dim"]
HeadKeys = Float[Tensor, "batch key kv_head dim"]


class OptionShell(AttentionShell):
    """Attention around a core, with the options that concern queries, keys and values (`LogitOptions`).

    A subclass makes queries, keys and values; those of the logits act in the core.
    """

    def __init__(
        self,
        *,
        layer: LayerSpec,
        core: AttentionCore,
        options: LogitOptions,
        n_query_heads: int,
        key_dim: int,
    ) -> None:
        """`n_query_heads` queries of `key_dim` numbers."""
        super().__init__(layer=layer)
        self.options = options
        self.query_norm = RMSNorm(key_dim) if options.qk_norm else None
        self.key_norm = RMSNorm(key_dim) if options.qk_norm else None
        self.cosine = CosineScale(n_query_heads, layer.context_length) if options.cosine else None
        self.core = core

    def normalise(self, q: HeadQueries, k: HeadKeys) -> tuple[HeadQueries, HeadKeys]:
        """Norm queries and keys as the options say, the heads before the last dimension."""
        if self.query_norm is not None and self.key_norm is not None:
            return self.query_norm(q), self.key_norm(k)
        if self.cosine is not None:
            return self.cosine(q, k)
        return q, k

    def with_first_values(
        self, v: Float[Tensor, "batch head time value"], shared: ForwardPass
    ) -> Float[Tensor, "batch head time value"]:
        """Mix the values with those of the first layer, where the options say so; the first shows its own."""
        mix = self.options.value_residual
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


class LogitShell(OptionShell):
    """Self-attention around a core: y = W_output core(W_query x, W_key x, W_value x).

    What differs more overrides `forward`, `finish` or `new_cache`.
    """

    def __init__(
        self,
        *,
        layer: LayerSpec,
        core: AttentionCore,
        options: LogitOptions,
        n_key_value_heads: int,
        maps_per_head: int = 1,
    ) -> None:
        """Build the projections of `layer`.

        Args:
            layer: what the module is built for.
            core: mixes the values.
            options: see LogitOptions.
            n_key_value_heads: heads of keys and values; the query heads share them in groups.
            maps_per_head: pairs of a query and a key in each head, which share its numbers.

        Raises:
            UserError: a head cannot be divided so.
        """
        if layer.d_model % (maps_per_head * layer.n_heads):
            raise UserError(
                f"model.d_model={layer.d_model} must be a multiple of "
                + (f"{maps_per_head} x " if maps_per_head > 1 else "")
                + f"model.n_heads={layer.n_heads}"
            )
        n_query_heads = maps_per_head * layer.n_heads
        key_dim = layer.d_model // n_query_heads
        super().__init__(
            layer=layer, core=core, options=options, n_query_heads=n_query_heads, key_dim=key_dim
        )
        self.key_dim = key_dim
        self.query = self.linear(layer.d_model, layer.d_model)
        self.key = self.linear(layer.d_model, n_key_value_heads * self.head_dim)
        self.value = self.linear(layer.d_model, n_key_value_heads * self.head_dim)
        self.output = self.linear(layer.d_model, layer.d_model)
        self.positions = layer.head_positions(head_dim=key_dim)

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
            q, k = self.positions(q, k, shared.start)
        v = self.with_first_values(self.split_heads(self.value(x)), shared)
        return q.transpose(1, 2), k.transpose(1, 2), v  # (B, T, H, D) -> (B, H, T, D)

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
