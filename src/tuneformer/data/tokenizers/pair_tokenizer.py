"""The tokenizer of somebody else's translator: pieces of one sentence, and the token that ends it."""

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, SupportsInt

import numpy as np

from tuneformer.data.tokenizers.folder_tokenizer import library_tokenizer, tokenizer_file
from tuneformer.data.tokenizers.sentence_tokenizer import SentenceTokenizer, encoded, read_stored
from tuneformer.data.tokenizers.tokenizer import DamagedTokenizerError, Tokenizer
from tuneformer.errors import UserError
from tuneformer.runs.plain_files import read_json

if TYPE_CHECKING:
    import tokenizers

NAMES_FILES = ("tokenizer_config.json", "special_tokens_map.json")
"""Beside tokenizer.json: which of its tokens are for what."""
END = "eos_token"


class PairTokenizer(SentenceTokenizer):
    """Tokens as the library tokenizers makes them of a sentence, but for the one that ends it.

    Attributes:
        end: the number of that token.
    """

    name = "pairs"

    def __init__(self, stored: Mapping[str, Any], *, end: int) -> None:
        super().__init__(stored)
        self.end = end
        self.vocab_size = max(self._library.get_vocab().values()) + 1  # some numbers may have no token
        self.byte_lengths = np.zeros(self.vocab_size, dtype=np.int64)

    @classmethod
    def read(cls, path: str) -> "PairTokenizer":
        """The tokenizer of a folder with a tokenizer.json, or of such a file.

        Raises:
            UserError: there is none, the library cannot read it, or no token ends a sentence.
        """
        stored = read_stored(path)
        try:
            return cls(stored, end=_end_of(library_tokenizer(stored), path))
        except DamagedTokenizerError as error:
            raise UserError(f"data.tokenizer={path} cannot be used: {error}") from error

    @property
    def end_text(self) -> str | None:
        """How the token is written that ends a sentence."""
        return self._library.id_to_token(self.end)

    def encode(self, text: str) -> np.ndarray:
        tokens = super().encode(text)
        return tokens[:-1] if len(tokens) and tokens[-1] == self.end else tokens

    def decode(self, tokens: Iterable[SupportsInt]) -> str:
        """The sentence, without special tokens and without the space that some put before its first word."""
        return self._library.decode([int(token) for token in tokens], skip_special_tokens=True).strip()

    def to_json(self) -> str:
        return json.dumps({"name": self.name, "end": self.end, "tokenizer": self._stored})

    @classmethod
    def from_content(cls, content: dict) -> "PairTokenizer":
        made = cls(content["tokenizer"], end=content["end"])
        if made.end_text is None:
            raise ValueError(f"its end {made.end!r:.20} is no token")
        return made


def end_of_sentence(tokenizer: Tokenizer) -> int:
    """The token behind every sentence of a pair: the tokenizer's own, or else the first that is no text."""
    return tokenizer.end if isinstance(tokenizer, PairTokenizer) else tokenizer.vocab_size


def _end_of(library: "tokenizers.Tokenizer", path: str) -> int:
    """The token that the folder says is the end, or that the tokenizer puts behind a sentence by itself."""
    named = _named_end(tokenizer_file(path).parent)
    if named is not None:
        number = library.token_to_id(named)
        if number is None:
            raise UserError(f"data.tokenizer={path} has no token {named!r:.60}, which is its {END}")
        return number
    one = encoded(library, "a")
    if not one.ids or not one.special_tokens_mask[-1]:
        raise UserError(
            f"data.tokenizer={path} has no token that ends a sentence: say which, as {END} in its"
            f" {NAMES_FILES[0]}"
        )
    return one.ids[-1]


def _named_end(folder: Path) -> str | None:
    for name in NAMES_FILES:
        try:
            told = read_json(folder / name)
        except FileNotFoundError:
            continue
        named = told.get(END) if isinstance(told, dict) else None
        named = named.get("content") if isinstance(named, dict) else named
        if isinstance(named, str):
            return named
    return None
