"""The tokenizers that there are: learnt from a training text, or as they were kept."""

import hashlib
from collections.abc import Iterable
from pathlib import Path

from tuneformer.config.suggestions import one_of
from tuneformer.data.tokenizers.bpe_tokenizer import BpeTokenizer, check_bpe_vocab_size
from tuneformer.data.tokenizers.document_tokenizer import START, DocumentTokenizer
from tuneformer.data.tokenizers.folder_tokenizer import FolderTokenizer, tokenizer_file
from tuneformer.data.tokenizers.pair_tokenizer import PairTokenizer
from tuneformer.data.tokenizers.plain_tokenizers import ByteTokenizer, CharacterTokenizer
from tuneformer.data.tokenizers.sentence_tokenizer import SentenceTokenizer, marks_ends, read_stored
from tuneformer.data.tokenizers.tokenizer import DamagedTokenizerError, Tokenizer
from tuneformer.errors import UserError, reason_of
from tuneformer.runs.plain_files import parse_json, read_json

LEARNT = (ByteTokenizer, CharacterTokenizer, BpeTokenizer)
WORDS = tuple(kind.name for kind in LEARNT)
"""What `data.tokenizer` may be, but for the folder of a tokenizer that is there already."""
KINDS = {kind.name: kind for kind in (*LEARNT, FolderTokenizer, SentenceTokenizer, PairTokenizer)}
"""By the name that a stored one has."""


def kind_of(setting: str) -> str:
    """The name of the kind that `data.tokenizer` asks for."""
    return setting if setting in WORDS else FolderTokenizer.name


def names_of(setting: str) -> tuple[str, ...]:
    """The names of the kinds that `data.tokenizer` may have given."""
    there = (FolderTokenizer.name, SentenceTokenizer.name, PairTokenizer.name)
    return (setting,) if setting in WORDS else there


def check_tokenizer(setting: str, *, bpe_vocab_size: int) -> None:
    """Raises UserError where `data.tokenizer` is neither a word nor a path, or has no room for a merge."""
    if setting == "bpe":
        check_bpe_vocab_size(bpe_vocab_size)
    if setting not in WORDS and "/" not in setting and not tokenizer_file(setting).exists():
        one_of("data.tokenizer", setting, WORDS)


def settings_of_tokenizer(setting: str, *, bpe_vocab_size: int) -> list[object]:
    """What its tokens depend on besides its name and the text."""
    if setting == "bpe":
        return [bpe_vocab_size]
    if setting in WORDS:
        return []
    return [hashlib.sha256(FolderTokenizer.read(setting).to_json().encode()).hexdigest()]


def train_tokenizer(name: str, texts: Iterable[str], *, bpe_vocab_size: int) -> Tokenizer:
    """The tokenizer of `data.tokenizer`; bytes need no text, and one that is there is read."""
    if kind_of(name) == FolderTokenizer.name:
        return FolderTokenizer.read(name)
    if name == "bpe":
        return BpeTokenizer.train(texts, vocab_size=bpe_vocab_size)
    return CharacterTokenizer.train(texts) if name == "characters" else ByteTokenizer()


def tokenizer_of_sentences(name: str, texts: Iterable[str], *, bpe_vocab_size: int) -> Tokenizer:
    """As `train_tokenizer`, where no text needs to come back: one that is there may be of any pieces.

    One that marks the ends of a sentence does so.
    """
    if name in WORDS:
        return train_tokenizer(name, texts, bpe_vocab_size=bpe_vocab_size)
    return SentenceTokenizer.read(name) if marks_ends(read_stored(name)) else FolderTokenizer.read(name)


def tokenizer_of_pairs(name: str | None, texts: Iterable[str], *, bpe_vocab_size: int) -> Tokenizer:
    """As `train_tokenizer`, where one that is there has a token that ends a sentence; null is bpe."""
    if name is None or name in WORDS:
        return train_tokenizer(name or BpeTokenizer.name, texts, bpe_vocab_size=bpe_vocab_size)
    return PairTokenizer.read(name)


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


def _from_content(content: object) -> Tokenizer:
    name = content.get("name") if isinstance(content, dict) else None
    if not isinstance(content, dict) or not isinstance(name, str) or name not in KINDS:
        raise DamagedTokenizerError(f"its name is none of {', '.join(KINDS)}")
    try:
        tokenizer = KINDS[name].from_content(content)
        return DocumentTokenizer(tokenizer, content[START]) if START in content else tokenizer
    except (ValueError, KeyError, TypeError, AttributeError, OverflowError) as error:
        raise DamagedTokenizerError(f"{type(error).__name__}: {reason_of(error)}") from None
