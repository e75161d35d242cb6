"""The tokens of a split in several files, read as if they were one."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from tuneformer.data.token_pages import give_back_pages


@dataclass(frozen=True)
class TokenShards:
    """The tokens of one split, in files of `sizes` tokens of type `dtype`, from `n_bytes` of UTF-8 text.

    `first_bytes` of them are its first character; None in shards that do not say so.
    """

    paths: tuple[Path, ...]
    sizes: tuple[int, ...]
    dtype: str
    n_bytes: int
    first_bytes: int | None

    @property
    def n_tokens(self) -> int:
        return sum(self.sizes)

    def open(self) -> "ShardedTokens":
        """The tokens, read from disk as they are asked for."""
        return ShardedTokens(self)


class ShardedTokens:
    """An array of all tokens that can be indexed by an array of places, whatever shards they lie in."""

    def __init__(self, shards: TokenShards) -> None:
        self._mapped = [
            np.memmap(path, dtype=shards.dtype, mode="r", shape=(size,))
            for path, size in zip(shards.paths, shards.sizes, strict=True)
        ]
        self._ends = np.cumsum(shards.sizes)
        self._dtype = np.dtype(shards.dtype)

    def __len__(self) -> int:
        return int(self._ends[-1])

    def __getitem__(self, places: np.ndarray) -> np.ndarray:
        shard_of = np.searchsorted(self._ends, places, side="right")
        tokens = np.empty(places.shape, dtype=self._dtype)
        for shard in np.unique(shard_of):
            here = shard_of == shard
            start = self._ends[shard - 1] if shard else 0
            tokens[here] = self._mapped[shard][places[here] - start]
        return tokens

    def give_back_pages(self) -> None:
        """See `token_pages.give_back_pages`."""
        for mapped in self._mapped:
            give_back_pages(mapped)
