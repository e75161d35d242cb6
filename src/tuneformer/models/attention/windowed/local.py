"""Attention to what is near, in time and memory that grow with the text and not with its square."""

from abc import ABC, abstractmethod
from dataclasses import replace

import torch
import torch.nn.functional as F
from jaxtyping import Bool, Float, Int
from torch import Tensor

from tuneformer.models.attention.base import QKVAttentionBase
from tuneformer.models.attention.layer_spec import LayerSpec
from tuneformer.models.attention.mask import AttentionMask, masked_softmax
from tuneformer.models.attention.qkv.core import AttentionCore
from tuneformer.models.attention.qkv.softmax import softmax_attention
from tuneformer.models.attention.settings import QKVAttentionSettings
from tuneformer.models.forward_pass import ForwardPass
from tuneformer.models.key_value_cache import LayerCache
from tuneformer.models.window_cache import WindowKeyValues


class LocalCore(AttentionCore, ABC):
    """softmax(logits + mask) v over the keys that `sees` allows, which are near the query or the first.

    The fused path cuts the queries into blocks of `block` tokens, as far as a query looks back. Those of a
    block look at the keys of it and its neighbours, and at the first `n_first`: time and memory are
    O(T (block + n_first)). The explicit path makes the whole T x T map. With a cache there are few queries,
    and all keys in it are looked at, masked; so are those of documents that are kept apart, where windows
    and blocks are counted from the beginning of each: O(T^2).
    """

    def __init__(
        self,
        *,
        layer: LayerSpec,
        settings: QKVAttentionSettings,
        block: int,
        looks_at_neighbours: bool,
        n_first: int,
    ) -> None:
        super().__init__(layer=layer, settings=settings)
        self.block = block
        self.looks_at_neighbours = looks_at_neighbours
        self.n_first = n_first

    @abstractmethod
    def sees(self, query: Int[Tensor, "*_"], key: Int[Tensor, "*_"]) -> Bool[Tensor, "*_"]:
        """Return whether the query at one position may see the key at another, order and padding apart."""

    @abstractmethod
    def oldest(self, position: int) -> int:
        """Return the oldest token that one at `position`, or after it, may see, but for the first."""

    def forward(
        self,
        q: Float[Tensor, "batch head query dim"],
        k: Float[Tensor, "batch head key dim"],
        v: Float[Tensor, "batch head key value"],
        mask: AttentionMask,
    ) -> Float[Tensor, "batch head query value"]:
        """Return the mixed values, block by block; from a cache at once."""
        if q.shape[2] == k.shape[2] and mask.documents is None:
            return self.by_blocks(q, k, v, mask)
        return softmax_attention(
            q,
            k,
            v,
            logits=self.logits,
            allowed=self.allowed(q, k, mask),
            distance=self.distance(q, k, mask),
            is_causal=False,
            may_be_blind=mask.visible is not None,
            dropout=self.dropout if self.training else 0.0,
        )

    def weights(
        self,
        q: Float[Tensor, "batch head query dim"],
        k: Float[Tensor, "batch head key dim"],
        mask: AttentionMask,
    ) -> Float[Tensor, "batch head query key"]:
        """Return the softmax over the allowed keys, zero elsewhere."""
        return masked_softmax(self.logits(q, k, self.distance(q, k, mask)), self.allowed(q, k, mask))

    def allowed(self, q: Tensor, k: Tensor, mask: AttentionMask) -> Bool[Tensor, "*_ _ _"]:
        """Return which keys a query may see, of all keys there are."""
        n_queries, n_keys = q.shape[2], k.shape[2]
        if mask.documents is not None:
            keys = mask.documents.positions[:, None]  # (B, 1, K)
        else:
            keys = torch.arange(n_keys, device=k.device) if mask.positions is None else mask.positions
        near = self.sees(keys[..., n_keys - n_queries :, None], keys[..., None, :])
        allowed = mask.allowed(n_queries, n_keys, q.device)
        return near if allowed is None else near & allowed

    def by_blocks(
        self,
        q: Float[Tensor, "batch head time dim"],
        k: Float[Tensor, "batch head time dim"],
        v: Float[Tensor, "batch head time value"],
        mask: AttentionMask,
    ) -> Float[Tensor, "batch head time value"]:
        """Return what the queries of each block gather from the keys near it."""
        batch, n_tokens, size = q.shape[0], q.shape[2], min(self.block, q.shape[2])
        positions = torch.arange(n_tokens, device=q.device)
        keys = self.near_each_block(positions[:, None], size, fill=-1, causal=mask.causal).squeeze(
            -1
        )  # (N, K)
        n_blocks = keys.shape[0]
        queries = torch.arange(n_blocks * size, device=q.device).view(n_blocks, size)
        allowed = self.allowed_by_blocks(queries, keys, mask)  # (1 or B, N, 1, C, K)
        q = F.pad(q, (0, 0, 0, n_blocks * size - n_tokens)).unflatten(2, (n_blocks, size))
        k, v = (self.near_each_block(x, size, fill=0, causal=mask.causal) for x in (k, v))
        q, k, v = (x.transpose(1, 2).flatten(0, 1) for x in (q, k, v))  # (B, H, N, C, D) -> (B N, H, C, D)
        distance = None
        if self.logits.bias is not None:
            distance = (queries[:, :, None] - keys[:, None, :]).repeat(batch, 1, 1)
        mixed = softmax_attention(
            q,
            k,
            v,
            logits=self.logits,
            allowed=allowed.expand(batch, -1, -1, -1, -1).flatten(0, 1),
            distance=distance,
            is_causal=False,
            may_be_blind=mask.visible is not None,
            dropout=self.dropout if self.training else 0.0,
        )
        return mixed.unflatten(0, (batch, n_blocks)).transpose(1, 2).flatten(2, 3)[:, :, :n_tokens]

    def near_each_block(self, x: Tensor, size: int, *, fill: int, causal: bool) -> Tensor:
        """Return for each block of `size` tokens what lies near it: (..., T, D) -> (..., N, near, D).

        The first `n_first` tokens, the block before, the block, and where order does not count the one
        after; `fill` where there is none.
        """
        before = int(self.looks_at_neighbours)
        after = int(self.looks_at_neighbours and not causal)
        n_tokens = x.shape[-2]
        n_blocks = -(-n_tokens // size)
        padding = (0, 0, before * size, (n_blocks + after) * size - n_tokens)
        blocks = F.pad(x, padding, value=fill).unflatten(-2, (-1, size))  # (..., before + N + after, C, D)
        first = x[..., None, : self.n_first, :]
        parts = [first.expand(*x.shape[:-2], n_blocks, -1, -1)] if self.n_first else []
        parts += [blocks.narrow(-3, shift, n_blocks) for shift in range(before + 1 + after)]
        return torch.cat(parts, dim=-2)

    def allowed_by_blocks(
        self, queries: Int[Tensor, "block query"], keys: Int[Tensor, "block key"], mask: AttentionMask
    ) -> Bool[Tensor, "_ block 1 query key"]:
        """Return which of the keys near its block a query may see; position -1 is no key."""
        n_first = min(self.n_first, int(keys.shape[1]))
        is_first = torch.arange(keys.shape[1], device=keys.device) < n_first
        # a first token that is also near counts once
        there = (keys >= 0) & (is_first | (keys >= self.n_first))
        allowed = self.sees(queries[:, :, None], keys[:, None, :]) & there[:, None, :]
        if mask.causal:
            allowed = allowed & (keys[:, None, :] <= queries[:, :, None])
        allowed = allowed[None, :, None]
        if mask.visible is None:
            return allowed
        return allowed & mask.visible[:, keys.clamp(min=0)][:, :, None, None, :]


class LocalAttentionBase(QKVAttentionBase):
    """Attention around a LocalCore, whose cache forgets what no later token may see."""

    core: LocalCore

    def forward(
        self, x: Float[Tensor, "batch time d_model"], shared: ForwardPass
    ) -> Float[Tensor, "batch time d_model"]:
        """Return what the tokens gather from those near them."""
        if self.layer.separates:
            return super().forward(x, shared)
        q, k, v = self.project(x, shared)
        mask = shared.mask
        if shared.cache is not None:
            cache = self.cache_of(shared.cache, WindowKeyValues)
            k, v, positions = cache.extend(shared.start, k, v)
            visible = None if mask.visible is None else mask.visible[:, positions]
            mask = replace(mask, visible=visible, positions=positions)
        return self.finish(self.mix(q, k, v, mask), x)

    def new_cache(self) -> LayerCache:
        """Return an empty cache that will keep what the window needs; with documents all tokens."""
        if self.layer.separates:
            return super().new_cache()
        return WindowKeyValues(n_first=self.core.n_first, oldest=self.core.oldest)

    def mixing_flops(self, n_keys: int) -> float:
        """Return 4 d_model operations for each key of a whole window."""
        return 4.0 * self.layer.d_model * min(n_keys, self.core.block + self.core.n_first)
