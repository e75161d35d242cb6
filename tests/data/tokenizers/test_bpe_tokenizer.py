import os
import random
import subprocess
import sys
from collections import Counter
from itertools import pairwise

import numpy as np
import pytest

from tuneformer.data.tokenizers import bpe_tokenizer
from tuneformer.data.tokenizers.bpe_tokenizer import BpeTokenizer, check_bpe_vocab_size
from tuneformer.errors import UserError

pytestmark = pytest.mark.fast


def words(n: int) -> str:
    generator = random.Random(0)
    return "".join(
        generator.choice(["one ", "two\n", "  three", "naïve", ".\n\n", "\n \n", "4 "]) for _ in range(n)
    )


def test_merges_are_the_most_frequent_pairs_by_hand() -> None:
    text = "hug hug hug pug pun bun hugs hugs"
    tokens: list[list[bytes]] = [
        [bytes([byte]) for byte in word.encode()]
        for word in text.replace(" ", "\x00 ").split("\x00")  # a space begins the word after it
    ]
    learnt = []
    for _ in range(3):
        pairs = Counter(pair for word in tokens for pair in pairwise(word))
        (best, count), (_, second) = pairs.most_common(2)
        assert count > second, "the example must not depend on how ties are broken"
        learnt.append(b"".join(best))
        tokens = [_merge(word, best) for word in tokens]
    tokenizer = BpeTokenizer.train([text], vocab_size=256 + 3)
    assert [tokenizer.decode([256 + i]).encode() for i in range(3)] == learnt


def _merge(word: list[bytes], pair: tuple[bytes, bytes]) -> list[bytes]:
    out: list[bytes] = []
    for token in word:
        if out and (out[-1], token) == pair:
            out[-1] += token
        else:
            out.append(token)
    return out


def test_every_byte_is_a_token_of_its_own() -> None:
    tokenizer = BpeTokenizer.train(["abc"], vocab_size=256 + 1)
    singles = sorted(
        tokenizer._bytes_of[i] for i in range(tokenizer.vocab_size) if tokenizer.byte_lengths[i] == 1
    )
    assert singles == [bytes([byte]) for byte in range(256)]


@pytest.mark.parametrize("size", [200, 333, 1000])
def test_long_text_cut_into_pieces_gives_the_tokens_of_the_whole(
    monkeypatch: pytest.MonkeyPatch, size: int
) -> None:
    monkeypatch.setattr(bpe_tokenizer, "PIECE_CHARACTERS", size)
    text = words(3000)
    tokenizer = BpeTokenizer.train([text], vocab_size=300)
    encoded = list(tokenizer.encode_corpus([text]))
    assert len(encoded) > 5
    assert np.array_equal(np.concatenate(encoded), tokenizer.encode(text))


def test_text_without_line_breaks_is_cut_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bpe_tokenizer, "PIECE_CHARACTERS", 100)
    tokenizer = BpeTokenizer.train(["ab"], vocab_size=257)
    assert [len(tokens) for tokens in tokenizer.encode_corpus(["ab" * 125])] == [50, 50, 25]


def test_training_again_in_another_process_learns_the_same_merges() -> None:
    program = (
        "import sys; from tuneformer.data.tokenizers.bpe_tokenizer import BpeTokenizer;"
        "sys.stdout.write(BpeTokenizer.train([sys.stdin.read()], vocab_size=400).to_json())"
    )
    text = words(2000)
    other = subprocess.run(
        [sys.executable, "-c", program],
        input=text,
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, "PYTHONHASHSEED": "1", "PYTHONIOENCODING": "utf-8"},
    )
    assert other.stdout == BpeTokenizer.train([text], vocab_size=400).to_json()


def test_training_leaves_the_environment_as_it_was(monkeypatch: pytest.MonkeyPatch) -> None:
    for value in ("true", None):
        if value is None:
            monkeypatch.delenv("TOKENIZERS_PARALLELISM", raising=False)
        else:
            monkeypatch.setenv("TOKENIZERS_PARALLELISM", value)
        BpeTokenizer.train(["abab"], vocab_size=257)
        assert os.environ.get("TOKENIZERS_PARALLELISM") == value


def test_a_vocabulary_without_room_for_a_merge_is_refused() -> None:
    check_bpe_vocab_size(257)
    with pytest.raises(UserError, match=r"data\.bpe_vocab_size=256 must be at least 257"):
        check_bpe_vocab_size(256)


def test_text_without_spaces_is_learnt_in_a_time_that_grows_with_its_length() -> None:
    """At 300,000 letters without a cut, learning took minutes; the pieces are those of the whole text."""
    letters = "".join(random.Random(0).choices("ACGT", k=300_000))
    pieces = list(bpe_tokenizer._short_words([letters, "and words", letters[:513]]))
    assert "".join(pieces) == letters + "and words" + letters[:513]
    assert max(map(len, pieces)) == bpe_tokenizer.LONGEST_WORD
    tokenizer = BpeTokenizer.train([letters], vocab_size=600)
    assert tokenizer.vocab_size == 600
    assert tokenizer.decode(tokenizer.encode(letters[:5000])) == letters[:5000]


def test_ordinary_text_is_not_cut() -> None:
    text = words(3000) + "x" * 512
    assert "".join(bpe_tokenizer._short_words([text])) == text
    assert len([piece for piece in bpe_tokenizer._short_words([text]) if piece]) == 1
