"""The tokenizer of somebody else's encoder: pieces of one sentence, with what marks its ends."""

import json
from collections.abc import Iterable, Iterator, Mapping
from functools import cached_property
from typing import TYPE_CHECKING, Any, SupportsInt

import numpy as np

from tuneformer.data.tokenizers.folder_tokenizer import FILE, library_tokenizer, tokenizer_file, without_file
from tuneformer.data.tokenizers.tokenizer import DamagedTokenizerError, encodable
from tuneformer.errors import UserError, reason_of
from tuneformer.runs.plain_files import read_json

if TYPE_CHECKING:
    import tokenizers

MARKING = ("BertProcessing", "RobertaProcessing")


class SentenceTokenizer:
    """Tokens as the library tokenizers makes them of a sentence, special ones at its ends included.

    Of text they may lose something, as WordPiece without case does: no bits per byte follow from them.
    """

    name = "sentence"

    def __init__(self, stored: Mapping[str, Any]) -> None:
        self._stored = stored
        self.vocab_size = self._library.get_vocab_size()
        self.byte_lengths = np.zeros(self.vocab_size, dtype=np.int64)

    @classmethod
    def read(cls, path: str) -> "SentenceTokenizer":
        """The tokenizer of a folder with a tokenizer.json, or of such a file.

        Raises:
            UserError: there is none, or the library cannot read it.
        """
        stored = read_stored(path)
        try:
            return cls(stored)
        except DamagedTokenizerError as error:
            raise UserError(f"data.tokenizer={path} cannot be used: {error}") from error

    @cached_property
    def _library(self) -> "tokenizers.Tokenizer":
        return library_tokenizer(self._stored)

    def encode(self, text: str) -> np.ndarray:
        return np.array(encoded(self._library, text).ids, dtype=np.int64)

    def encode_prompt(self, text: str) -> np.ndarray:
        return self.encode(encodable(text))

    def encode_in_language(self, text: str) -> np.ndarray:
        """As `encode_prompt`; no token is put before a text that begins with a special one, as a language."""
        whole = self.encode_prompt(text).tolist()
        alone = self._library.encode(text, add_special_tokens=False).ids
        known = self._library.get_added_tokens_decoder()
        if alone and alone[0] in known and known[alone[0]].special:
            whole = whole[next(i for i in range(len(whole)) if whole[i : i + len(alone)] == alone) :]
        return np.array(whole, dtype=np.int64)

    def encode_corpus(self, texts: Iterable[str]) -> Iterator[np.ndarray]:
        return iter([self.encode("".join(texts))])

    def decode(self, tokens: Iterable[SupportsInt]) -> str:
        """The pieces, joined as the tokenizer joins them; a special one is named."""
        return self._library.decode([int(token) for token in tokens], skip_special_tokens=False)

    def to_json(self) -> str:
        return json.dumps({"name": self.name, "tokenizer": self._stored})

    @classmethod
    def from_content(cls, content: dict) -> "SentenceTokenizer":
        return cls(content["tokenizer"])


def encoded(library: "tokenizers.Tokenizer", text: str) -> "tokenizers.Encoding":
    """What the library makes of a text.

    Raises:
        UserError: it has no token for a part of it, nor one for what is unknown.
    """
    try:
        return library.encode(text)
    except Exception as error:  # the library raises nothing narrower
        raise UserError(
            f"data.tokenizer has no tokens for {text!r:.60}, nor one for what is unknown: {reason_of(error)}"
        ) from error


def read_stored(path: str) -> dict[str, Any]:
    """The tokenizer.json that `data.tokenizer` names.

    Raises:
        UserError: there is none.
    """
    try:
        stored = read_json(tokenizer_file(path))
    except FileNotFoundError:
        raise UserError(without_file(path)) from None
    except ValueError as error:
        raise UserError(f"data.tokenizer={path} cannot be used: {error}") from error
    if not isinstance(stored, dict):
        raise UserError(f"data.tokenizer={path} cannot be used: its {FILE} is no tokenizer")
    return stored


def marks_ends(stored: Mapping[str, Any]) -> bool:
    """Whether a tokenizer puts a special token before a sentence and one behind it."""
    processor = stored.get("post_processor") or {}
    parts = processor.get("processors") or [processor]
    return any(part.get("type") in MARKING or _is_marked(part.get("single") or ()) for part in parts)


def _is_marked(template: Any) -> bool:
    return len(template) > 1 and all("SpecialToken" in template[end] for end in (0, -1))
