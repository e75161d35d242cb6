"""How a token is written on a page."""

from collections.abc import Iterable
from typing import SupportsInt

from tuneformer.data.tokenizers.pair_tokenizer import end_of_sentence
from tuneformer.data.tokenizers.tokenizer import UNKNOWN, Tokenizer

BOUNDARY = "[end]"


class TokenTexts:
    """The text of each token; of tokens that are no text their number."""

    def __init__(self, tokenizer: Tokenizer | None) -> None:
        self._tokenizer = tokenizer

    def text(self, token: int) -> str:
        """The characters of a token; a part of a character by its number, the boundary of a pair by name."""
        if self._tokenizer is None:
            return str(token)
        if token == end_of_sentence(self._tokenizer) or token >= self._tokenizer.vocab_size:
            return BOUNDARY
        text = self._tokenizer.decode([token])
        if not text:
            return f"<{token}>"
        return f"<{token}>" if UNKNOWN in text and self._tokenizer.name != "characters" else text

    def all(self, tokens: Iterable[SupportsInt]) -> tuple[str, ...]:
        """The texts of some tokens."""
        return tuple(self.text(int(token)) for token in tokens)
