"""Tokenizers: bytes and characters here, byte-level BPE in its own file; all of them survive JSON."""

import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Protocol, SupportsInt, runtime_checkable

import numpy as np

from tuneformer.errors import UserError, reason_of
from tuneformer.runs.plain_files import parse_json, read_json

UNKNOWN = "\ufffd"


@runtime_checkable
class Tokenizer(Protocol):
    """Text to tokens and back.

    `byte_lengths[i]` is the number of UTF-8 bytes that token `i` stands for, so that
    bits per byte = nats / (ln 2 * sum of byte_lengths over the scored tokens).
    """

    name: str
    vocab_size: int
    byte_lengths: np.ndarray

    def encode(self, text: str) -> np.ndarray:
        """Tokens of any text, int64 of shape (n_tokens,)."""
        ...

    def encode_prompt(self, text: str) -> np.ndarray:
        """As `encode`, but a UserError where the text cannot be told in this vocabulary."""
        ...

    def encode_corpus(self, texts: Iterable[str]) -> Iterator[np.ndarray]:
        """Tokens of the concatenation of `texts`, piece by piece, whatever the pieces of `texts`."""
        ...

    def decode(self, tokens: Iterable[SupportsInt]) -> str:
        """The text; bytes that are not UTF-8 become U+FFFD."""
        ...

    def to_json(self) -> str:
        """Everything `tokenizer_from_json` needs."""
        ...


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


def encodable(text: str) -> str:
    """`text` itself, or a UserError if it holds lone surrogates, as an argument of stray bytes does."""
    try:
        text.encode()
    except UnicodeEncodeError:
        raise UserError(f"--prompt={text!r} is not UTF-8: give text that is") from None
    return text


def read_tokenizer(path: Path) -> Tokenizer:
    """The tokenizer in a file that `to_json` gave the content of.

    Raises:
        FileNotFoundError: there is none.
        UserError: the file is damaged.
    """
    try:
        tokenizer = _from_content(read_json(path))
        tokenizer.encode("a")  # a library's tokenizer is made at its first use
        return tokenizer
    except DamagedTokenizerError as error:
        raise UserError(f"{path} cannot be read: {error}") from error


def tokenizer_from_json(text: str) -> Tokenizer:
    """The tokenizer whose `to_json` gave `text`.

    Raises:
        UserError: the text is damaged.
    """
    try:
        return _from_content(parse_json(text))
    except ValueError as error:
        raise DamagedTokenizerError(str(error)) from None


class DamagedTokenizerError(UserError):
    """What was stored is no tokenizer."""

    def __init__(self, reason: str) -> None:
        super().__init__(f"the stored tokenizer is damaged ({reason})")


def _from_content(content: object) -> Tokenizer:
    from tuneformer.data.bpe_tokenizer import BpeTokenizer

    classes = {kind.name: kind for kind in (ByteTokenizer, CharacterTokenizer, BpeTokenizer)}
    name = content.get("name") if isinstance(content, dict) else None
    if not isinstance(content, dict) or not isinstance(name, str) or name not in classes:
        raise DamagedTokenizerError(f"its name is none of {', '.join(classes)}")
    try:
        return classes[name].from_content(content)
    except (ValueError, KeyError, TypeError, AttributeError, OverflowError) as error:
        raise DamagedTokenizerError(f"{type(error).__name__}: {reason_of(error)}") from None
