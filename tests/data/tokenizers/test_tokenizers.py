import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tuneformer.data.tokenizers.bpe_tokenizer import BpeTokenizer
from tuneformer.data.tokenizers.kinds import tokenizer_from_json
from tuneformer.data.tokenizers.plain_tokenizers import ByteTokenizer, CharacterTokenizer
from tuneformer.data.tokenizers.tokenizer import Tokenizer
from tuneformer.errors import UserError

pytestmark = pytest.mark.fast

TEXT = "To be, or not to be, that is the question:\nWhether 'tis nobler — in the mind — to suffer\n" * 3
any_text = st.text(st.characters(exclude_categories=["Cs"]), max_size=80)


def tokenizers() -> list[Tokenizer]:
    return [ByteTokenizer(), CharacterTokenizer.train([TEXT]), BpeTokenizer.train([TEXT], vocab_size=300)]


every_tokenizer = pytest.mark.parametrize("tokenizer", tokenizers(), ids=lambda tokenizer: tokenizer.name)


@every_tokenizer
def test_decoding_what_was_encoded_gives_the_training_text_back(tokenizer: Tokenizer) -> None:
    tokens = tokenizer.encode(TEXT)
    assert tokens.dtype == np.int64
    assert tokens.min() >= 0
    assert tokens.max() < tokenizer.vocab_size
    assert tokenizer.decode(tokens) == TEXT


@every_tokenizer
def test_byte_lengths_sum_to_the_bytes_of_the_text(tokenizer: Tokenizer) -> None:
    assert tokenizer.byte_lengths.shape == (tokenizer.vocab_size,)
    assert tokenizer.byte_lengths[tokenizer.encode(TEXT)].sum() == len(TEXT.encode())


@every_tokenizer
def test_a_tokenizer_survives_json(tokenizer: Tokenizer) -> None:
    again = tokenizer_from_json(tokenizer.to_json())
    assert type(again) is type(tokenizer)
    assert again.vocab_size == tokenizer.vocab_size
    assert again.to_json() == tokenizer.to_json()
    assert np.array_equal(again.encode(TEXT), tokenizer.encode(TEXT))
    assert np.array_equal(again.byte_lengths, tokenizer.byte_lengths)


@every_tokenizer
@given(text=any_text, size=st.integers(1, 9))
def test_a_corpus_gives_the_same_tokens_however_it_comes_in_pieces(
    tokenizer: Tokenizer, text: str, size: int
) -> None:
    pieces = [text[i : i + size] for i in range(0, len(text), size)]
    encoded = [np.empty(0), *tokenizer.encode_corpus(pieces)]
    assert np.array_equal(np.concatenate(encoded), tokenizer.encode(text))


@every_tokenizer
def test_a_prompt_that_is_not_utf8_is_refused(tokenizer: Tokenizer) -> None:
    with pytest.raises(UserError, match=r"--prompt=.* is not UTF-8"):
        tokenizer.encode_prompt("be \udcff")


@given(text=any_text)
def test_byte_tokens_are_the_bytes_of_any_text(text: str) -> None:
    assert bytes(ByteTokenizer().encode(text).tolist()) == text.encode()
    assert ByteTokenizer().decode(text.encode()) == text


def test_bytes_that_are_no_character_decode_to_the_replacement_character() -> None:
    assert ByteTokenizer().decode([ord("a"), 0xE2, ord("b")]) == "a\ufffdb"


def test_characters_are_numbered_by_code_point_with_the_unknown_one_last() -> None:
    tokenizer = CharacterTokenizer.train(["ba\n", "🙂ab", "\ufffd"])
    assert tokenizer.vocab_size == 5
    assert tokenizer.encode("\nab🙂\ufffd").tolist() == [0, 1, 2, 3, 4]
    assert tokenizer.byte_lengths.tolist() == [1, 1, 1, 4, 3]


@given(train=any_text, text=any_text)
def test_characters_never_seen_become_the_unknown_one(train: str, text: str) -> None:
    tokenizer = CharacterTokenizer.train([train])
    expected = "".join(character if character in train else "\ufffd" for character in text)
    assert tokenizer.decode(tokenizer.encode(text)) == expected


def test_the_unknown_character_stands_for_those_before_between_and_beyond_the_seen() -> None:
    assert CharacterTokenizer.train(["\0c\U0001f642"]).encode("\0bc\U0001f642\U0001f643").tolist() == [
        0,
        3,
        1,
        2,
        3,
    ]
    assert CharacterTokenizer.train(["\0a"]).encode("\0\U0001f642").tolist() == [0, 2]


def test_a_prompt_of_unseen_characters_is_refused_by_their_names() -> None:
    tokenizer = CharacterTokenizer.train(["abc"])
    assert tokenizer.encode_prompt("cab").tolist() == [2, 0, 1]
    with pytest.raises(UserError, match=r"--prompt holds 'x' 'é', which"):
        tokenizer.encode_prompt("axbéx")


@pytest.mark.parametrize(
    "damaged",
    [
        "",
        "[1]",
        "null",
        '{"name": "byte"}',
        '{"name": "characters"}',
        '{"name": "bpe", "tokenizer": {}}',
        '{"name": "bpe", "tokenizer": {"model": {"vocab": {"a": 0, "b": 2}}}}',
        '{"name": "bpe", "tokenizer": {"model": {"vocab": {"\\u4e00": 0}}}}',
        ByteTokenizer().to_json()[:-1],
    ],
)
def test_a_damaged_tokenizer_is_told_in_one_line(damaged: str) -> None:
    with pytest.raises(UserError, match="the stored tokenizer is damaged") as error:
        tokenizer_from_json(damaged)
    assert "\n" not in str(error.value)


def test_a_bpe_model_that_the_library_cannot_read_is_damaged() -> None:
    content = json.loads(BpeTokenizer.train(["abab" * 9], vocab_size=258).to_json())
    del content["tokenizer"]["model"]["merges"]
    with pytest.raises(UserError, match="the stored tokenizer is damaged"):
        tokenizer_from_json(json.dumps(content)).encode("a")
