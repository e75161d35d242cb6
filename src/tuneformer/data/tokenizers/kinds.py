"""The tokenizers that there are: learnt from a training text, or as they were kept."""

from collections.abc import Iterable
from pathlib import Path

from tuneformer.data.tokenizers.bpe_tokenizer import BpeTokenizer
from tuneformer.data.tokenizers.plain_tokenizers import ByteTokenizer, CharacterTokenizer
from tuneformer.data.tokenizers.tokenizer import DamagedTokenizerError, Tokenizer
from tuneformer.errors import UserError, reason_of
from tuneformer.runs.plain_files import parse_json, read_json

KINDS = {kind.name: kind for kind in (ByteTokenizer, CharacterTokenizer, BpeTokenizer)}
"""By the word of `data.tokenizer`."""


def train_tokenizer(name: str, texts: Iterable[str], *, bpe_vocab_size: int) -> Tokenizer:
    """The tokenizer of `data.tokenizer`; bytes need no text."""
    if name == "bpe":
        return BpeTokenizer.train(texts, vocab_size=bpe_vocab_size)
    return CharacterTokenizer.train(texts) if name == "characters" else ByteTokenizer()


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
        return KINDS[name].from_content(content)
    except (ValueError, KeyError, TypeError, AttributeError, OverflowError) as error:
        raise DamagedTokenizerError(f"{type(error).__name__}: {reason_of(error)}") from None
