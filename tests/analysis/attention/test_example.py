"""How tokens are written."""

import pytest

from tuneformer.analysis.attention.token_text import TokenTexts
from tuneformer.data.tokenizers.plain_tokenizers import ByteTokenizer, CharacterTokenizer

pytestmark = pytest.mark.fast


def test_tokens_are_their_characters_and_parts_of_characters_their_numbers() -> None:
    texts = TokenTexts(ByteTokenizer())
    assert texts.all("a\né".encode()) == ("a", "\n", "<195>", "<169>")
    assert texts.text(256) == "[end]"
    assert TokenTexts(None).all([3, 14]) == ("3", "14")
    assert TokenTexts(CharacterTokenizer("ab")).all([0, 1, 2]) == ("a", "b", "\ufffd")
