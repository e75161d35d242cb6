"""The characters of a held-out text that the training text does not have, and their bytes."""

from typing import NamedTuple

import numpy as np

from tuneformer.data.token_shards import ShardedTokens
from tuneformer.data.tokenizers import Tokenizer

CHUNK = 1 << 20
"""Tokens counted at once."""


class UnknownCharacters(NamedTuple):
    """The token that stands for all of them, and the mean of the UTF-8 bytes that each of them has."""

    token: int
    mean_bytes: float


def unknown_characters(
    tokenizer: Tokenizer, tokens: np.ndarray | ShardedTokens, *, n_bytes: int, first_bytes: int | None
) -> UnknownCharacters | None:
    """Tell the bytes of the unknown characters behind the first token, which is never scored.

        mean_bytes = (bytes of the text - bytes of all known tokens) / number of unknown ones

    Args:
        tokenizer: one that knows every character of its training text.
        tokens: all tokens of the text.
        n_bytes: UTF-8 bytes of the text.
        first_bytes: those of its first character; None where nobody wrote them down.

    Returns:
        None where the tokenizer knows everything, or the text holds no unknown character.
    """
    token = getattr(tokenizer, "unknown", None)
    if token is None:
        return None
    counts = np.zeros(tokenizer.vocab_size, dtype=np.int64)
    for start in range(0, len(tokens), CHUNK):
        places = np.arange(start, min(start + CHUNK, len(tokens)))
        counts += np.bincount(tokens[places], minlength=tokenizer.vocab_size)
    known_bytes = int(counts @ tokenizer.byte_lengths) - int(counts[token] * tokenizer.byte_lengths[token])
    number, unknown_bytes = int(counts[token]), n_bytes - known_bytes
    if first_bytes is not None and number > 1 and int(tokens[np.arange(1)][0]) == token:
        number, unknown_bytes = number - 1, unknown_bytes - first_bytes
    return UnknownCharacters(token, unknown_bytes / number) if number else None
