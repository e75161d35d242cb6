"""What decoding step by step keeps of the tokens before."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping

import torch
from jaxtyping import Float, Int
from torch import Tensor

from tuneformer.models.attention.layer_spec import AttentionSite


class LayerCache(ABC):
    """What one attention module keeps of the tokens before; the module knows what that is."""

    @abstractmethod
    def select(self, rows: Int[Tensor, " new_batch"]) -> None:
        """Go on with these sequences of the batch, in this order; one may be taken more than once."""


class LayerKeyValues(LayerCache):
    """Keys and values of one layer, in memory laid out once for `capacity` tokens."""

    def __init__(self, *, capacity: int) -> None:
        self.capacity = capacity
        self.keys: Tensor | None = None
        self.values: Tensor | None = None

    def extend(
        self,
        start: int,
        keys: Float[Tensor, "batch kv_head new dim"],
        values: Float[Tensor, "batch value_head new value"],
    ) -> tuple[Float[Tensor, "batch kv_head all dim"], Float[Tensor, "batch value_head all value"]]:
        """Write the new tokens from position `start` on; return those of all tokens up to them."""
        end = start + keys.shape[2]
        assert end <= self.capacity, f"{end} tokens in a cache for {self.capacity}"
        if self.keys is None or self.values is None:
            self.keys = keys.new_empty(*keys.shape[:2], self.capacity, keys.shape[3])
            self.values = values.new_empty(*values.shape[:2], self.capacity, values.shape[3])
        self.keys[:, :, start:end] = keys
        self.values[:, :, start:end] = values
        return self.keys[:, :, :end], self.values[:, :, :end]

    def select(self, rows: Int[Tensor, " new_batch"]) -> None:
        if self.keys is not None and self.values is not None:
            self.keys, self.values = self.keys[rows], self.values[rows]


class MemoryKeyValues(LayerCache):
    """Keys and values of a memory that all steps look at: projected once, at the first of them."""

    def __init__(self) -> None:
        self.pair: tuple[Tensor, Tensor] | None = None

    def get(self, project: Callable[[], tuple[Tensor, Tensor]]) -> tuple[Tensor, Tensor]:
        """Return keys and values (batch, kv_head, key, dim), by `project` where there are none yet."""
        if self.pair is None:
            self.pair = project()
        return self.pair

    def select(self, rows: Int[Tensor, " new_batch"]) -> None:
        if self.pair is not None:
            keys, values = self.pair
            self.pair = keys[rows], values[rows]


class LastTokens(LayerCache):
    """The last `n` tokens themselves, for an embedding that looks back."""

    def __init__(self, *, n: int) -> None:
        self.n = n
        self.tokens: Tensor | None = None

    def extend(self, tokens: Int[Tensor, "batch new"]) -> Int[Tensor, "batch earlier"] | None:
        """Take the new tokens; return those that came before them (None: there are none)."""
        before = self.tokens
        known = tokens if before is None else torch.cat([before, tokens], dim=1)
        self.tokens = known[:, -self.n :]
        return before

    def select(self, rows: Int[Tensor, " new_batch"]) -> None:
        if self.tokens is not None:
            self.tokens = self.tokens[rows]


class KeyValueCache:
    """The caches of all attention modules, and how many tokens they hold; for use without gradients.

    A module makes its own (`new_cache`), so that one may keep something else than keys and values.
    `last_tokens` is there for models whose embedding looks back, `documents` has all tokens of those that
    keep documents apart.
    """

    def __init__(
        self,
        *,
        layers: Mapping[AttentionSite, LayerCache],
        capacity: int,
        last_tokens: LastTokens | None = None,
        documents: LastTokens | None = None,
    ) -> None:
        self.layers = layers
        self.capacity = capacity
        self.last_tokens = last_tokens
        self.documents = documents
        self.length = 0

    def select(self, rows: Int[Tensor, " new_batch"]) -> None:
        """Go on with these sequences of the batch, in this order: what a beam search does at each step."""
        for layer in self.layers.values():
            layer.select(rows)
        for tokens in (self.last_tokens, self.documents):
            if tokens is not None:
                tokens.select(rows)
