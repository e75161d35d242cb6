"""Stretches of UTF-8 files, read a block at a time, so that memory does not grow with the corpus."""

import codecs
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import chain
from pathlib import Path

import numpy as np

from tuneformer.errors import UserError

BLOCK_BYTES = 1 << 20


@dataclass(frozen=True)
class FilePart:
    """The text of `path` from byte `start` up to byte `stop` (None: the end), in pieces of at most 1 MiB.

    May be iterated any number of times. Both ends must lie between characters.
    """

    path: Path
    start: int = 0
    stop: int | None = None

    def __iter__(self) -> Iterator[str]:
        decoder = codecs.getincrementaldecoder("utf-8")()
        for block in _blocks(self.path, self.start, self.stop):
            yield decoder.decode(block)
        yield decoder.decode(b"", final=True)


class Concatenation:
    """Several texts one after the other; unlike `itertools.chain` it may be iterated again."""

    def __init__(self, parts: Iterable[Iterable[str]]) -> None:
        self._parts = tuple(parts)

    def __iter__(self) -> Iterator[str]:
        return chain.from_iterable(self._parts)


@dataclass(frozen=True)
class CountedFile:
    """A UTF-8 file whose characters (code points) have been counted in every block."""

    path: Path
    characters_by_block: np.ndarray

    @property
    def n_characters(self) -> int:
        return int(self.characters_by_block.sum())

    def split(self, n_characters: int) -> tuple[FilePart, FilePart]:
        """The first `n_characters` characters, and the rest."""
        offset = self._byte_offset(n_characters)
        return FilePart(self.path, 0, offset), FilePart(self.path, offset)

    def _byte_offset(self, n_characters: int) -> int:
        counted = np.cumsum(self.characters_by_block)
        block = int(np.searchsorted(counted, n_characters, side="right"))
        if block == len(counted):
            return self.path.stat().st_size
        before = int(counted[block - 1]) if block else 0
        start = block * BLOCK_BYTES
        content = next(_blocks(self.path, start, None))
        return start + int(np.flatnonzero(_starts_character(content))[n_characters - before])


def count_characters(path: Path, *, setting: str) -> CountedFile:
    """Read `path` once, counting its characters.

    Raises:
        UserError: a byte is not UTF-8; the message names `setting`, the file and the byte's offset.
    """
    decoder = codecs.getincrementaldecoder("utf-8")()
    counts: list[int] = []
    position = 0
    for block in chain(_blocks(path, 0, None), [b""]):
        pending = len(decoder.getstate()[0])
        try:
            decoder.decode(block, final=not block)
        except UnicodeDecodeError as error:
            offset = position - pending + error.start
            raise UserError(
                f"{setting}={path} is not UTF-8 (first wrong byte at offset {offset}): convert it to UTF-8"
            ) from None
        if block:
            counts.append(int(_starts_character(block).sum()))
        position += len(block)
    return CountedFile(path, np.array(counts, dtype=np.int64))


def _starts_character(content: bytes) -> np.ndarray:
    # every byte starts a character in UTF-8 but those of the form 10xxxxxx
    return (np.frombuffer(content, dtype=np.uint8) & 0xC0) != 0x80


def _blocks(path: Path, start: int, stop: int | None) -> Iterator[bytes]:
    with path.open("rb") as file:
        file.seek(start)
        remaining = stop - start if stop is not None else None
        while remaining is None or remaining > 0:
            block = file.read(BLOCK_BYTES if remaining is None else min(BLOCK_BYTES, remaining))
            if not block:
                return
            if remaining is not None:
                remaining -= len(block)
            yield block
