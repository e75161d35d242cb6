"""Every token of a cached file is checked: once for each file and each change of it."""

import hashlib
import os
from pathlib import Path

import numpy as np
import pytest

from tuneformer.data.text import token_digest
from tuneformer.data.text.corpus_text import CorpusText, hash_text
from tuneformer.data.text.token_digest import TokenDigest, digest_of
from tuneformer.data.text.token_splits import load_token_splits, write_token_splits
from tuneformer.data.tokenizers.plain_tokenizers import ByteTokenizer, CharacterTokenizer
from tuneformer.errors import UserError

pytestmark = pytest.mark.fast

LONG = CorpusText(train=["to be or not " * (1 << 17)] * 11, validation=["not"], test=["be"])
BEYOND = 17 << 20


@pytest.fixture
def reads(monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """The files that were read whole."""
    files: list[Path] = []
    read = token_digest._read
    monkeypatch.setattr(token_digest, "_read", lambda path, dtype: files.append(path) or read(path, dtype))
    return files


def test_the_digest_is_over_all_bytes_and_the_largest_is_that_of_all(tmp_path: Path) -> None:
    tokens = np.random.default_rng(0).integers(0, 40_000, 3_000_000, dtype=np.uint16)
    tokens[-1] = 50_000
    tokens.tofile(tmp_path / "train.bin")
    found = digest_of(tmp_path / "train.bin", dtype="uint16")
    assert found == TokenDigest(hashlib.sha256(tokens.tobytes()).hexdigest(), 50_000)


def test_a_file_is_read_once_until_it_changes(tmp_path: Path, reads: list[Path]) -> None:
    file = tmp_path / "train.bin"
    file.write_bytes(b"abc")
    first = digest_of(file, dtype="uint8")
    assert digest_of(file, dtype="uint8") == first
    assert len(reads) == 1
    times = file.stat().st_atime_ns, file.stat().st_mtime_ns
    file.write_bytes(b"abd")
    os.utime(file, ns=times)  # as large and, it pretends, as old
    assert digest_of(file, dtype="uint8") != first
    assert len(reads) == 2


def test_a_remembered_digest_that_is_damaged_is_made_anew(tmp_path: Path, reads: list[Path]) -> None:
    file = tmp_path / "train.bin"
    file.write_bytes(b"abc")
    right = digest_of(file, dtype="uint8")
    for damage in ("", "[]", '{"train.bin": 3}', '{"train.bin": [1, 2, 3]}'):
        (tmp_path / token_digest.REMEMBERED).write_text(damage)
        assert digest_of(file, dtype="uint8") == right
    assert len(reads) == 5


def test_zeros_far_behind_the_beginning_are_found(tmp_path: Path) -> None:
    write_token_splits(
        tmp_path, ByteTokenizer(), LONG, {name: hash_text(text) for name, text in LONG.splits.items()}
    )
    assert load_token_splits(tmp_path) is not None
    assert (tmp_path / "train.bin").stat().st_size > BEYOND
    with (tmp_path / "train.bin").open("r+b") as file:
        file.seek(BEYOND)
        file.write(bytes(64))
    assert load_token_splits(tmp_path) is None


def test_tokens_beyond_the_vocabulary_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    text = CorpusText(train=["abab"], validation=["ab"], test=["b"])
    tokenizer = CharacterTokenizer("ab")
    monkeypatch.setattr(tokenizer, "encode", lambda text: np.full(len(text), 7))
    write_token_splits(
        tmp_path, tokenizer, text, {name: hash_text(pieces) for name, pieces in text.splits.items()}
    )
    with pytest.raises(UserError) as error:
        load_token_splits(tmp_path)
    assert "has the token 7, and there are 3 tokens" in str(error.value)
    assert "\n" not in str(error.value)
