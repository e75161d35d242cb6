"""What a tokenizer is: all of them survive JSON."""

from collections.abc import Iterable, Iterator
from typing import Protocol, SupportsInt, runtime_checkable

import numpy as np

from tuneformer.errors import UserError

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
        """Everything `kinds.tokenizer_from_json` needs."""
        ...


def encodable(text: str) -> str:
    """`text` itself, or a UserError if it holds lone surrogates, as an argument of stray bytes does."""
    try:
        text.encode()
    except UnicodeEncodeError:
        raise UserError(f"--prompt={text!r} is not UTF-8: give text that is") from None
    return text


class DamagedTokenizerError(UserError):
    """What was stored is no tokenizer."""

    def __init__(self, reason: str) -> None:
        super().__init__(f"the stored tokenizer is damaged ({reason})")
