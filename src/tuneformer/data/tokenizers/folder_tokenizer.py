"""The tokenizer of somebody else's model: a tokenizer.json of byte-level pieces."""

import json
from collections.abc import Iterable, Iterator, Mapping
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, SupportsInt

import numpy as np

from tuneformer.data.tokenizers.bpe_tokenizer import byte_characters, pieces_of
from tuneformer.data.tokenizers.tokenizer import DamagedTokenizerError, encodable
from tuneformer.errors import UserError
from tuneformer.runs.plain_files import read_json

if TYPE_CHECKING:
    import tokenizers

FILE = "tokenizer.json"
KEEPING_BYTES = (None, "NFC")
"""Normalizers that leave text as it is, but for characters that can be written in two ways."""


class FolderTokenizer:
    """Tokens as the library tokenizers makes them, special ones only where the text has them.

    The bytes of each are known. Numbers without a token, which a model may have room for, stand for nothing.
    """

    name = "folder"

    def __init__(self, stored: Mapping[str, Any]) -> None:
        self._stored = stored
        self._bytes_of = _bytes_of_tokens(stored)
        self.vocab_size = len(self._bytes_of)
        self.byte_lengths = np.array([len(token) for token in self._bytes_of], dtype=np.int64)

    @classmethod
    def read(cls, path: str) -> "FolderTokenizer":
        """The tokenizer of a folder with a tokenizer.json, or of such a file.

        Raises:
            UserError: there is none, or its tokens are not bytes of the text.
        """
        file = tokenizer_file(path)
        try:
            return cls(read_json(file))
        except FileNotFoundError:
            raise UserError(without_file(path)) from None
        except (KeyError, TypeError, AttributeError, ValueError) as error:
            raise UserError(f"data.tokenizer={path} cannot be used: {error}") from error

    @cached_property
    def _library(self) -> "tokenizers.Tokenizer":
        return library_tokenizer(self._stored)

    def encode(self, text: str) -> np.ndarray:
        return np.array(self._library.encode(text, add_special_tokens=False).ids, dtype=np.int64)

    def encode_prompt(self, text: str) -> np.ndarray:
        return self.encode(encodable(text))

    def encode_corpus(self, texts: Iterable[str]) -> Iterator[np.ndarray]:
        return (self.encode(piece) for piece in pieces_of(texts))

    def decode(self, tokens: Iterable[SupportsInt]) -> str:
        known = (int(token) for token in tokens if int(token) < self.vocab_size)
        return b"".join(self._bytes_of[token] for token in known).decode(errors="replace")

    def to_json(self) -> str:
        return json.dumps({"name": self.name, "tokenizer": self._stored})

    @classmethod
    def from_content(cls, content: dict) -> "FolderTokenizer":
        return cls(content["tokenizer"])


def tokenizer_file(path: str) -> Path:
    """The file that `data.tokenizer` names by itself or by its folder."""
    given = Path(path).expanduser()
    return given if given.suffix == ".json" else given / FILE


def without_file(path: str) -> str:
    """What is wrong with a folder that has no tokenizer.json, and what to do where it has SentencePiece's."""
    folder = Path(path).expanduser()
    other = next((file.name for file in sorted(folder.glob("*.model")) if file.is_file()), None)
    hint = f", only {other}: AutoTokenizer of transformers reads that, and its save_pretrained writes {FILE}"
    return f"data.tokenizer={path} holds no {FILE}{hint if other else ''}"


def library_tokenizer(stored: Mapping[str, Any]) -> "tokenizers.Tokenizer":
    """What the library tokenizers makes of a tokenizer.json, without padding and truncation.

    Raises:
        DamagedTokenizerError: it is none.
    """
    from tokenizers import Tokenizer

    try:
        made = Tokenizer.from_str(json.dumps(stored))
    except (KeyboardInterrupt, SystemExit):
        raise
    except BaseException as error:  # the library raises nothing narrower; its panics are no Exception
        raise DamagedTokenizerError(str(error)) from None
    made.no_padding()
    made.no_truncation()
    return made


def _bytes_of_tokens(stored: Mapping[str, Any]) -> list[bytes]:
    """The bytes of each token by its number.

    Raises:
        ValueError: tokens are no bytes of the text.
    """
    if "ByteLevel" not in _kinds(stored.get("decoder"), "decoders"):
        raise ValueError(
            "its tokens are no bytes of the text: only byte-level ones (GPT-2, Llama 3) are read"
        )
    normalizer = stored.get("normalizer")
    if normalizer is not None and normalizer["type"] not in KEEPING_BYTES:
        raise ValueError(f"its normalizer {normalizer['type']} changes the text")
    byte_of = {character: byte for byte, character in enumerate(byte_characters())}
    found = {
        number: bytes(byte_of[character] for character in text if character in byte_of)
        for text, number in stored["model"]["vocab"].items()
    }
    found |= {token["id"]: token["content"].encode() for token in stored.get("added_tokens") or ()}
    if not found or min(found) < 0 or max(found) >= 2 * len(found) + 1000:
        raise ValueError("its tokens are not numbered from 0 on")
    return [found.get(number, b"") for number in range(max(found) + 1)]


def _kinds(part: Mapping[str, Any] | None, inside: str) -> list[str]:
    if part is None:
        return []
    return [part["type"], *(kind for each in part.get(inside, ()) for kind in _kinds(each, inside))]
