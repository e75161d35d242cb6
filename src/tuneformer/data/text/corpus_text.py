"""The text of a corpus, split; read in pieces and as often as needed, never held whole."""

import codecs
import hashlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from typing import NamedTuple

from tuneformer.data.contract import SPLITS
from tuneformer.errors import UserError


class _DocumentStart(str):
    """A piece without text, known by itself: an empty string is another."""

    __slots__ = ()


DOCUMENT_START = _DocumentStart()
"""The piece before the first of each document, where a corpus tells them apart."""


@dataclass(frozen=True)
class CorpusText:
    """Train, validation and test text, each as pieces that concatenate to it, and remarks for the user.

    The pieces of a split may be iterated several times, and give the same text each time. Where documents are
    told apart, DOCUMENT_START is before each.
    """

    train: Iterable[str]
    validation: Iterable[str]
    test: Iterable[str]
    notes: tuple[str, ...] = ()

    @property
    def splits(self) -> dict[str, Iterable[str]]:
        return {name: getattr(self, name) for name in SPLITS}


class SplitHash(NamedTuple):
    sha256: str
    n_bytes: int


def hash_text(pieces: Iterable[str]) -> SplitHash:
    """SHA-256 and number of the UTF-8 bytes of the concatenated pieces; where documents begin counts too."""
    digest, n_bytes = hashlib.sha256(), 0
    for piece in pieces:
        if piece is DOCUMENT_START:
            digest.update(b"\xff")  # no byte of UTF-8
        content = piece.encode()
        digest.update(content)
        n_bytes += len(content)
    return SplitHash(digest.hexdigest(), n_bytes)


class FirstBytes:
    """The first `n_bytes` UTF-8 bytes of a text; a character that straddles the end is left out."""

    def __init__(self, pieces: Iterable[str], n_bytes: int) -> None:
        self._pieces = pieces
        self._n_bytes = n_bytes

    def __iter__(self) -> Iterator[str]:
        remaining = self._n_bytes
        for piece in self._pieces:
            content = piece.encode()
            if len(content) > remaining:
                # without `final` the incomplete character at the end waits for more, and is dropped
                yield codecs.getincrementaldecoder("utf-8")().decode(content[:remaining])
                return
            yield piece
            remaining -= len(content)


def cut_validation(text: CorpusText, *, max_bytes: int) -> CorpusText:
    """The same corpus with at most `max_bytes` bytes of validation text, and a note if that cuts."""
    n_bytes = hash_text(text.validation).n_bytes
    if n_bytes <= max_bytes:
        return text
    note = f"validation is cut to its first {max_bytes:,} bytes of {n_bytes:,} (data.max_validation_bytes)"
    return replace(text, validation=FirstBytes(text.validation, max_bytes), notes=(*text.notes, note))


def laid_out(documents: Iterable[str], *, gap: str, marked: bool) -> list[str]:
    """The pieces of documents: each behind its mark, or with a gap behind it where they are one text."""
    if marked:
        return [piece for text in documents if text for piece in (DOCUMENT_START, text)]
    return [f"{text}{gap}" for text in documents]


def check_documents_are_told(text: CorpusText, *, setting: str) -> None:
    """Raises: UserError where a corpus does not say where its documents begin; it names the setting."""
    for pieces in text.splits.values():
        if next(iter(pieces), None) is not DOCUMENT_START:
            raise UserError(f"{setting} needs data that say where a document begins: leave it null")


def check_context_fits(context_length: int, n_tokens: int, split: str) -> None:
    """Raises: UserError where a split is too short for one window and the token after it."""
    if context_length + 1 > n_tokens:
        raise UserError(
            f"data.context_length={context_length} is too long for the {split} split of {n_tokens:,} tokens: "
            f"at most {max(n_tokens - 1, 0):,}, or give more text"
        )
