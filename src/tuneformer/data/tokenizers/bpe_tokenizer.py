"""Byte-level byte-pair encoding (Sennrich et al., arXiv 1508.07909; on bytes as GPT-2 has it)."""

import json
import os
import re
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from functools import cached_property
from typing import TYPE_CHECKING, SupportsInt

import numpy as np

from tuneformer.data.tokenizers.tokenizer import DamagedTokenizerError, encodable
from tuneformer.errors import UserError
from tuneformer.process.terminal import say

if TYPE_CHECKING:
    import tokenizers

N_BYTES = 256
UNUSED_PARTS = ("added_tokens", "normalizer", "padding", "post_processor", "truncation")
"""Of the library's tokenizers; ours have none of them."""
PIECE_CHARACTERS = 1 << 18
LONGEST_WORD = 512
"""Characters of a word that merges are learnt from: their number grows with its square (DNA, base64)."""
TOLD_FROM = 1 << 22
"""Characters from which on learning takes long enough to be told of."""
# A line break between two characters that are no space is a piece of its own to the pre-tokenizer,
# so that text cut behind it gives the same tokens as the whole.
CUT = re.compile(r"\S\n(?=\S)")
LONG_WORD = re.compile(rf"\S{{{LONGEST_WORD}}}(?=\S)")


class BpeTokenizer:
    """256 bytes and the merges learnt from the training text, most frequent pair first."""

    name = "bpe"

    def __init__(self, library_json: str) -> None:
        self._json = library_json
        self._bytes_of = _bytes_of_tokens(json.loads(library_json)["model"]["vocab"])
        self.vocab_size = len(self._bytes_of)
        self.byte_lengths = np.array([len(token) for token in self._bytes_of], dtype=np.int64)

    @classmethod
    def train(cls, texts: Iterable[str], *, vocab_size: int) -> "BpeTokenizer":
        """Learn at most `vocab_size` - 256 merges from `texts`; the same text gives the same merges.

        Text without spaces is cut into words of LONGEST_WORD characters.
        """
        from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers

        tokenizer = Tokenizer(models.BPE())
        tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
        tokenizer.decoder = decoders.ByteLevel()
        trainer = trainers.BpeTrainer(
            vocab_size=vocab_size,
            initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
            show_progress=False,
        )
        with _single_threaded():
            tokenizer.train_from_iterator(_told(_short_words(pieces_of(texts)), vocab_size), trainer)
        return cls(tokenizer.to_str())

    @cached_property
    def _library(self) -> "tokenizers.Tokenizer":
        from tokenizers import Tokenizer

        try:
            made = Tokenizer.from_str(self._json)
        except (KeyboardInterrupt, SystemExit):
            raise
        except BaseException as error:  # the library raises nothing narrower; its panics are no Exception
            raise DamagedTokenizerError(str(error)) from None
        if made.get_vocab_size() != self.vocab_size:
            raise DamagedTokenizerError(f"{made.get_vocab_size()} tokens, and not {self.vocab_size}")
        return made

    def encode(self, text: str) -> np.ndarray:
        return np.array(self._library.encode(text).ids, dtype=np.int64)

    def encode_prompt(self, text: str) -> np.ndarray:
        return self.encode(encodable(text))

    def encode_corpus(self, texts: Iterable[str]) -> Iterator[np.ndarray]:
        return (self.encode(piece) for piece in pieces_of(texts))

    def decode(self, tokens: Iterable[SupportsInt]) -> str:
        return b"".join(self._bytes_of[int(token)] for token in tokens).decode(errors="replace")

    def to_json(self) -> str:
        return json.dumps({"name": self.name, "tokenizer": json.loads(self._json)})

    @classmethod
    def from_content(cls, content: dict) -> "BpeTokenizer":
        stored = content["tokenizer"]
        if stored["model"]["type"] != "BPE":
            raise ValueError("its model is no byte-pair encoding")
        if odd := [part for part in UNUSED_PARTS if stored.get(part)]:
            raise ValueError(f"it has {', '.join(odd)}")
        return cls(json.dumps(stored))


def check_bpe_vocab_size(size: int) -> None:
    """Raises: UserError where there is no room for a single merge beside the 256 bytes."""
    if size <= N_BYTES:
        raise UserError(
            f"data.bpe_vocab_size={size} must be at least {N_BYTES + 1}: the 256 bytes are tokens"
        )


def _bytes_of_tokens(vocabulary: dict[str, int]) -> list[bytes]:
    byte_of = {character: byte for byte, character in enumerate(byte_characters())}
    by_token = sorted(vocabulary.items(), key=lambda item: item[1])
    if [token for _, token in by_token] != list(range(len(by_token))):
        raise ValueError("its tokens are not numbered 0, 1, 2, ...")
    return [bytes(byte_of[character] for character in text) for text, _ in by_token]


def byte_characters() -> list[str]:
    """GPT-2's printable stand-in for each byte: itself where it prints, else the next from U+0100 on."""
    printable = {*range(ord("!"), ord("~") + 1), *range(0xA1, 0xAD), *range(0xAE, 0x100)}
    spare = iter(range(0x100, 0x200))
    return [chr(byte if byte in printable else next(spare)) for byte in range(N_BYTES)]


def pieces_of(texts: Iterable[str]) -> Iterator[str]:
    """The same text in pieces of about 2^18 characters, cut where no token can straddle."""
    buffer = ""
    for text in texts:
        buffer += text
        while len(buffer) >= PIECE_CHARACTERS:
            cuts = list(CUT.finditer(buffer, 0, PIECE_CHARACTERS))
            end = cuts[-1].end() if cuts else PIECE_CHARACTERS
            yield buffer[:end]
            buffer = buffer[end:]
    if buffer:
        yield buffer


def _short_words(pieces: Iterable[str]) -> Iterator[str]:
    """The pieces, cut where a word is longer than LONGEST_WORD."""
    for piece in pieces:
        start = 0
        for word in LONG_WORD.finditer(piece):
            yield piece[start : word.end()]
            start = word.end()
        yield piece[start:]


def _told(pieces: Iterable[str], vocab_size: int) -> Iterator[str]:
    """The pieces; behind the last of many, what is now done with them."""
    n_characters = 0
    for piece in pieces:
        n_characters += len(piece)
        yield piece
    if n_characters >= TOLD_FROM:
        say(f"learning a vocabulary of {vocab_size:,} tokens from {n_characters:,} characters")


@contextmanager
def _single_threaded() -> Iterator[None]:
    # the library warns at every later fork (of a data worker, say) once its threads have run
    before = os.environ.get("TOKENIZERS_PARALLELISM")
    os.environ["TOKENIZERS_PARALLELISM"] = "false"
    try:
        yield
    finally:
        if before is None:
            del os.environ["TOKENIZERS_PARALLELISM"]
        else:
            os.environ["TOKENIZERS_PARALLELISM"] = before
