import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tuneformer.data.text.corpus_text import (
    CorpusText,
    FirstBytes,
    check_context_fits,
    cut_validation,
    hash_text,
)
from tuneformer.errors import UserError

pytestmark = pytest.mark.fast

pieces = st.lists(st.text(st.sampled_from("aé€🙂\n"), max_size=6), max_size=6)


@given(pieces=pieces, n_bytes=st.integers(0, 60))
def test_first_bytes_are_the_longest_beginning_that_fits_and_ends_between_characters(
    pieces: list[str], n_bytes: int
) -> None:
    whole = "".join(pieces)
    lengths = [n for n in range(len(whole) + 1) if len(whole[:n].encode()) <= n_bytes]
    assert "".join(FirstBytes(pieces, n_bytes)) == whole[: max(lengths)]


@given(pieces=pieces)
def test_a_text_is_hashed_whatever_its_pieces(pieces: list[str]) -> None:
    whole = "".join(pieces).encode()
    assert hash_text(pieces) == (hashlib.sha256(whole).hexdigest(), len(whole))


def test_long_validation_is_cut_and_said_so_while_test_stays_whole() -> None:
    text = CorpusText(train=["t"], validation=["12345", "é789"], test=["x" * 50], notes=("first",))
    cut = cut_validation(text, max_bytes=6)
    assert "".join(cut.validation) == "12345"
    assert "".join(cut.test) == "x" * 50
    assert cut.notes == ("first", "validation is cut to its first 6 bytes of 10 (data.max_validation_bytes)")


def test_validation_that_fits_is_not_touched() -> None:
    text = CorpusText(train=["t"], validation=["12345"], test=["x"])
    assert cut_validation(text, max_bytes=5) is text


def test_a_context_must_leave_one_token_to_predict() -> None:
    check_context_fits(128, 129, "train")
    with pytest.raises(
        UserError, match=r"data\.context_length=128 is too long for the test split of 128 tokens: at most 127"
    ):
        check_context_fits(128, 128, "test")
