"""Tokens of documents: those of a tokenizer, and one that stands before each document."""

import json
from collections.abc import Iterable, Iterator
from itertools import groupby
from typing import Any, SupportsInt

import numpy as np

from tuneformer.data.text.corpus_text import DOCUMENT_START
from tuneformer.data.tokenizers.folder_tokenizer import tokenizer_file
from tuneformer.data.tokenizers.tokenizer import Tokenizer
from tuneformer.errors import UserError
from tuneformer.runs.plain_files import read_json

START = "document_start"
"""The key of a stored tokenizer that has the number of that token."""
SHOWN_AS = "<|document|>"
BEGINS, ENDS = "bos_token", "eos_token"


class DocumentTokenizer:
    """A tokenizer whose documents begin with the token `document_start`, which stands for no byte.

    That is a token of the tokenizer's own, or one more behind its last.
    """

    def __init__(self, tokenizer: Tokenizer, document_start: int) -> None:
        if not 0 <= document_start <= tokenizer.vocab_size:
            raise ValueError(f"its {START} is {document_start}, of {tokenizer.vocab_size} tokens")
        self._tokenizer = tokenizer
        self.document_start = document_start
        self.name = tokenizer.name
        self.unknown: int | None = getattr(tokenizer, "unknown", None)
        self.vocab_size = max(tokenizer.vocab_size, document_start + 1)
        self.byte_lengths = np.zeros(self.vocab_size, dtype=np.int64)
        self.byte_lengths[: tokenizer.vocab_size] = tokenizer.byte_lengths
        self.byte_lengths[document_start] = 0

    def encode(self, text: str) -> np.ndarray:
        """The tokens of a part of a document."""
        return self._tokenizer.encode(text)

    def encode_document(self, text: str) -> np.ndarray:
        """The tokens of a whole document."""
        return np.concatenate([[self.document_start], self._tokenizer.encode(text)])

    def encode_prompt(self, text: str) -> np.ndarray:
        """A prompt is the beginning of a document."""
        return np.concatenate([[self.document_start], self._tokenizer.encode_prompt(text)])

    def encode_corpus(self, texts: Iterable[str]) -> Iterator[np.ndarray]:
        """Tokens of pieces with DOCUMENT_START before each document; no token straddles two of them."""
        for starts, pieces in groupby(texts, key=lambda piece: piece is DOCUMENT_START):
            if starts:
                yield from (np.array([self.document_start]) for _ in pieces)
            else:
                yield from self._tokenizer.encode_corpus(pieces)

    def decode(self, tokens: Iterable[SupportsInt]) -> str:
        """The text, the beginning of a document as SHOWN_AS."""
        parts = groupby(map(int, tokens), key=lambda token: token == self.document_start)
        return "".join(
            SHOWN_AS * len(list(part)) if starts else self._tokenizer.decode(part) for starts, part in parts
        )

    def to_json(self) -> str:
        return json.dumps({**json.loads(self._tokenizer.to_json()), START: self.document_start})


def own_document_start(setting: str) -> int | None:
    """The token that the folder of `data.tokenizer` begins, else ends, a text with; None: it has none."""
    file = tokenizer_file(setting)
    try:
        told, stored = read_json(file.with_name("tokenizer_config.json")), read_json(file)
    except (FileNotFoundError, NotADirectoryError):
        return None
    except ValueError as error:
        raise UserError(f"data.tokenizer={setting} cannot be used: {error}") from error
    if not (isinstance(told, dict) and isinstance(stored, dict)):
        return None
    texts = [_text_of(told.get(BEGINS)), _text_of(told.get(ENDS))]
    added = {token["content"]: token["id"] for token in stored.get("added_tokens") or ()}
    known = {**((stored.get("model") or {}).get("vocab") or {}), **added}
    return next((int(known[text]) for text in texts if text in known), None)


def _text_of(token: Any) -> str | None:
    found = token.get("content") if isinstance(token, dict) else token
    return found if isinstance(found, str) else None
