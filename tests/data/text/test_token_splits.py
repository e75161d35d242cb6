import json
from pathlib import Path

import numpy as np
import pytest

from tuneformer.data.text.corpus_text import CorpusText, hash_text
from tuneformer.data.text.token_splits import MANIFEST, TokenSplits, load_token_splits, write_token_splits
from tuneformer.data.tokenizers.plain_tokenizers import ByteTokenizer, CharacterTokenizer
from tuneformer.data.tokenizers.tokenizer import Tokenizer

pytestmark = pytest.mark.fast

TEXT = CorpusText(train=["to be ", "or not"], validation=["to bé ✓"], test=["not"], notes=("a remark",))


def written(folder: Path, tokenizer: Tokenizer, text: CorpusText = TEXT) -> TokenSplits:
    folder.mkdir(exist_ok=True)
    hashes = {name: hash_text(pieces) for name, pieces in text.splits.items()}
    write_token_splits(folder, tokenizer, text, hashes)
    splits = load_token_splits(folder)
    assert splits is not None
    return splits


def test_token_files_hold_the_tokens_of_every_split(tmp_path: Path) -> None:
    splits = written(tmp_path, ByteTokenizer())
    for name, pieces in TEXT.splits.items():
        file = splits.splits[name]
        tokens = file.open()
        assert isinstance(tokens, np.memmap)
        assert tokens.dtype == np.uint8
        assert bytes(tokens) == "".join(pieces).encode()
        assert file.n_tokens == file.n_bytes == len(tokens)
    assert splits.notes == ["a remark"]


def test_unseen_characters_are_counted_in_a_note(tmp_path: Path) -> None:
    splits = written(tmp_path, CharacterTokenizer.train(TEXT.train))
    assert splits.notes == [
        "a remark",
        "2 characters of validation are not in the training split: they are U+FFFD",
    ]
    validation = splits.splits["validation"]
    assert splits.tokenizer.decode(validation.open()) == "to b\ufffd \ufffd"
    assert (validation.n_tokens, validation.n_bytes) == (7, 10)


@pytest.mark.parametrize(("n_characters", "dtype"), [(255, "uint8"), (256, "uint16"), (66_000, "uint32")])
def test_tokens_take_the_fewest_bytes_that_hold_the_vocabulary(
    tmp_path: Path, n_characters: int, dtype: str
) -> None:
    characters = [chr(0x10000 + i) for i in range(n_characters)]
    text = CorpusText(train=["".join(characters)], validation=["a"], test=[])
    splits = written(tmp_path, CharacterTokenizer(characters), text)
    assert splits.splits["train"].dtype == dtype
    assert splits.splits["train"].path.stat().st_size == n_characters * np.dtype(dtype).itemsize
    assert splits.splits["train"].open().tolist() == list(range(n_characters))
    assert splits.splits["validation"].open().tolist() == [n_characters]


def test_the_fingerprint_is_that_of_text_and_tokenizer(tmp_path: Path) -> None:
    same = CorpusText(train=["to be or not"], validation=TEXT.validation, test=TEXT.test)
    other = CorpusText(train=TEXT.train, validation=TEXT.validation, test=["Not"])
    fingerprints = [
        written(tmp_path / str(i), tokenizer, text).fingerprint
        for i, (tokenizer, text) in enumerate(
            [
                (ByteTokenizer(), TEXT),
                (ByteTokenizer(), same),
                (ByteTokenizer(), other),
                (CharacterTokenizer.train(TEXT.train), TEXT),
            ]
        )
    ]
    assert fingerprints[0] == fingerprints[1]
    assert len(set(fingerprints)) == 3


def truncate(folder: Path) -> None:
    path = folder / "train.bin"
    path.write_bytes(path.read_bytes()[:-1])


def flip(folder: Path) -> None:
    path = folder / "test.bin"
    path.write_bytes(bytes([path.read_bytes()[0] ^ 1]) + path.read_bytes()[1:])


def alter_tokenizer(folder: Path) -> None:
    manifest = json.loads((folder / MANIFEST).read_text())
    manifest["tokenizer"] = CharacterTokenizer("ab").to_json()
    (folder / MANIFEST).write_text(json.dumps(manifest))


@pytest.mark.parametrize(
    "damage",
    [
        truncate,
        flip,
        alter_tokenizer,
        lambda folder: (folder / "validation.bin").unlink(),
        lambda folder: (folder / MANIFEST).unlink(),
        lambda folder: (folder / MANIFEST).write_text("{}"),
        lambda folder: (folder / MANIFEST).write_text("[]"),
        lambda folder: (folder / MANIFEST).write_bytes(b"\xff\x00"),
    ],
)
def test_damaged_token_files_are_not_loaded(tmp_path: Path, damage) -> None:
    written(tmp_path, ByteTokenizer())
    damage(tmp_path)
    assert load_token_splits(tmp_path) is None
