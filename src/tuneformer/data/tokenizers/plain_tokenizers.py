"""Tokenizers that need no learning but a list: bytes, and characters."""

import json
from collections.abc import Iterable, Iterator
from typing import SupportsInt

import numpy as np

from tuneformer.data.tokenizers.tokenizer import UNKNOWN, encodable
from tuneformer.errors import UserError


class ByteTokenizer:
    """Token i is the byte i: a vocabulary of 256 for every UTF-8 text."""

    name = "bytes"

    def __init__(self) -> None:
        self.vocab_size = 256
        self.byte_lengths = np.ones(256, dtype=np.int64)

    def encode(self, text: str) -> np.ndarray:
        return np.frombuffer(text.encode(), dtype=np.uint8).astype(np.int64)

    def encode_prompt(self, text: str) -> np.ndarray:
        return self.encode(encodable(text))

    def encode_corpus(self, texts: Iterable[str]) -> Iterator[np.ndarray]:
        return (np.frombuffer(text.encode(), dtype=np.uint8) for text in texts)

    def decode(self, tokens: Iterable[SupportsInt]) -> str:
        return bytes(int(token) for token in tokens).decode(errors="replace")

    def to_json(self) -> str:
        return json.dumps({"name": self.name})

    @classmethod
    def from_content(cls, content: dict) -> "ByteTokenizer":
        return cls()


class CharacterTokenizer:
    """Token i is the i-th character by code point; the last token, U+FFFD, stands for all unseen ones."""

    name = "characters"

    def __init__(self, characters: Iterable[str]) -> None:
        self._characters = [*sorted(set(characters) - {UNKNOWN}), UNKNOWN]
        self.vocab_size = len(self._characters)
        self.unknown = self.vocab_size - 1
        self.byte_lengths = np.array([len(c.encode()) for c in self._characters], dtype=np.int64)
        code_points = np.array([ord(c) for c in self._characters])
        # the last entry, beyond every character there is, stands for all that lie beyond
        self._token_of = np.full(code_points.max() + 2, self.unknown, dtype=np.int64)
        self._token_of[code_points] = np.arange(self.vocab_size)

    @classmethod
    def train(cls, texts: Iterable[str]) -> "CharacterTokenizer":
        """The vocabulary of the characters that occur in `texts`."""
        seen: set[str] = set()
        for text in texts:
            seen.update(text)
        return cls(seen)

    def encode(self, text: str) -> np.ndarray:
        code_points = np.frombuffer(text.encode("utf-32-le"), dtype=np.uint32)
        return self._token_of[np.minimum(code_points, len(self._token_of) - 1)]

    def encode_prompt(self, text: str) -> np.ndarray:
        unseen = sorted(set(encodable(text)) - set(self._characters))
        if unseen:
            listed = " ".join(repr(character) for character in unseen[:10])
            more = f" and {len(unseen) - 10} more" if len(unseen) > 10 else ""
            raise UserError(
                f"--prompt holds {listed}{more}, which the training text does not: use its characters"
            )
        return self.encode(text)

    def encode_corpus(self, texts: Iterable[str]) -> Iterator[np.ndarray]:
        return (self.encode(text) for text in texts)

    def decode(self, tokens: Iterable[SupportsInt]) -> str:
        return "".join(self._characters[int(token)] for token in tokens)

    def to_json(self) -> str:
        return json.dumps({"name": self.name, "characters": "".join(self._characters)})

    @classmethod
    def from_content(cls, content: dict) -> "CharacterTokenizer":
        characters = content["characters"]
        if not isinstance(characters, str) or not characters:
            raise ValueError("its characters are not text")
        return cls(characters)
