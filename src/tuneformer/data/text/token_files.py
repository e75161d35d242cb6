"""The tokens of a split on disk, to be memory-mapped: one flat array, in one file or in several."""

import mmap
from dataclasses import dataclass
from pathlib import Path

import numpy as np


@dataclass(frozen=True)
class TokenFile:
    """The tokens of one split: `n_tokens` numbers of type `dtype`, from text of `n_bytes` UTF-8 bytes.

    `first_bytes` of them are its first character.
    """

    path: Path
    dtype: str
    n_tokens: int
    n_bytes: int
    first_bytes: int

    def open(self) -> np.memmap:
        """The tokens, shape (n_tokens,), read from disk as they are asked for."""
        return np.memmap(self.path, dtype=self.dtype, mode="r", shape=(self.n_tokens,))


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
        self.mapped = [
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
            tokens[here] = self.mapped[shard][places[here] - start]
        return tokens


def give_back_pages(tokens: np.memmap | ShardedTokens) -> None:
    """Unmap what has been read so far; the system's cache keeps it for the next reading.

    Otherwise a process grows to the size of the corpus as it reads more and more of it.
    """
    for mapped in tokens.mapped if isinstance(tokens, ShardedTokens) else (tokens,):
        mapping: mmap.mmap | None = getattr(mapped, "_mmap", None)
        if mapping is not None and hasattr(mapping, "madvise"):
            mapping.madvise(mmap.MADV_DONTNEED)
