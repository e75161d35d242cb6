import os
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tuneformer.data.corpora.text import Text
from tuneformer.data.text import file_parts
from tuneformer.errors import UserError

pytestmark = pytest.mark.fast


def corpus(path: Path, validation_path: Path | None = None, **changes: Any) -> Text:
    settings: dict[str, Any] = {
        "task": "language_modelling",
        "tokenizer": "bytes",
        "bpe_vocab_size": 300,
        "vocab_size": None,
        "context_length": 1,
        "batch_size": 4,
        "eval_batch_size": 4,
        "max_validation_bytes": 10_000,
        "num_workers": 0,
        "cache_dir": str(path.parent / "cache"),
    }
    held_out = None if validation_path is None else str(validation_path)
    return Text(path=str(path), validation_path=held_out, **{**settings, **changes})


def texts(data: Text) -> tuple[str, str, str]:
    train, validation, test = ("".join(pieces) for pieces in data.read().splits.values())
    return train, validation, test


@given(text=st.text(st.sampled_from("aé€🙂\r\n"), min_size=1, max_size=70))
def test_the_first_nine_tenths_of_the_characters_train(
    tmp_path_factory: pytest.TempPathFactory, text: str
) -> None:
    path = tmp_path_factory.getbasetemp() / "corpus.txt"
    path.write_bytes(text.encode())
    n = len(text)
    assert texts(corpus(path)) == (text[: int(n * 0.9)], text[int(n * 0.9) :], text[int(n * 0.9) :])


@pytest.mark.parametrize("block_bytes", [1, 3, 8])
def test_a_folder_is_its_files_in_order_joined_by_line_breaks(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, block_bytes: int
) -> None:
    monkeypatch.setattr(file_parts, "BLOCK_BYTES", block_bytes)
    folder = tmp_path / "corpus"
    (folder / "a").mkdir(parents=True)
    (folder / "b.md").write_text("second é")
    (folder / "a" / "z.TXT").write_text("first")
    (folder / "c.text").write_text("third")
    (folder / "empty.txt").write_text("")
    (folder / "d.py").write_text("left out")
    whole = "first\nsecond é\nthird"
    assert texts(corpus(folder))[:2] == (whole[:18], whole[18:])


def test_each_way_to_cut_a_folder_gives_its_text_back(tmp_path: Path) -> None:
    for sizes in [(9, 1), (5, 4, 1), (1, 1, 17), (17, 1, 1), (18, 1), (1, 30)]:
        folder = tmp_path / "-".join(map(str, sizes))
        folder.mkdir()
        for i, size in enumerate(sizes):
            (folder / f"{i}.txt").write_text(str(i) * size)
        whole = "\n".join(str(i) * size for i, size in enumerate(sizes))
        cut = int(0.9 * len(whole))
        assert texts(corpus(folder))[:2] == (whole[:cut], whole[cut:])


def test_given_validation_text_trains_never(tmp_path: Path) -> None:
    folder = tmp_path / "corpus"
    folder.mkdir()
    for name in ("one", "two", "three"):
        (folder / f"{name}.txt").write_text(name)
    data = corpus(folder, validation_path=folder / "three.txt")
    assert texts(data) == ("one\ntwo", "three", "three")
    elsewhere = tmp_path / "held_out.txt"
    elsewhere.write_text("elsewhere")
    assert texts(corpus(folder, validation_path=elsewhere)) == ("one\nthree\ntwo", "elsewhere", "elsewhere")
    with pytest.raises(
        UserError, match=r"data\.validation_path=.* holds all of data\.path=.*: nothing is left"
    ):
        corpus(folder, validation_path=folder).prepare()


def test_validation_may_be_cut_while_test_is_whole(tmp_path: Path) -> None:
    path = tmp_path / "corpus.txt"
    path.write_text("é" * 1000)
    splits = corpus(path, max_validation_bytes=101).prepare()
    assert splits.splits["validation"].n_bytes == 100
    assert splits.splits["test"].n_bytes == 200
    assert splits.notes == [
        "test is the validation text, whole: this corpus has no third part",
        "validation is cut to its first 101 bytes of 200 (data.max_validation_bytes)",
    ]


def test_a_changed_file_is_noticed_even_when_its_size_is_the_same(tmp_path: Path) -> None:
    path = tmp_path / "corpus.txt"
    path.write_text("a" * 100)
    first = corpus(path).prepare()
    modified = path.stat().st_mtime_ns
    path.write_text("b" * 100)
    os.utime(path, ns=(modified, modified))  # as a program that keeps times sets it
    second = corpus(path).prepare()
    assert bytes(second.splits["train"].open()) == b"b" * 90
    assert first.fingerprint != second.fingerprint


def test_a_new_file_in_a_folder_is_noticed(tmp_path: Path) -> None:
    folder = tmp_path / "corpus"
    folder.mkdir()
    (folder / "one.txt").write_text("one " * 10)
    first = corpus(folder).prepare()
    (folder / "two.txt").write_text("two " * 10)
    assert corpus(folder).prepare().splits["train"].n_tokens > first.splits["train"].n_tokens


def test_equal_text_elsewhere_shares_its_token_files(tmp_path: Path) -> None:
    paths = []
    for name in ("one.txt", "two.txt"):
        (tmp_path / name).write_text("the same text")
        paths.append(corpus(tmp_path / name).prepare().splits["train"].path)
    assert paths[0] == paths[1]


def test_a_text_that_cannot_be_had_is_told_in_one_line(tmp_path: Path) -> None:
    empty = tmp_path / "empty.txt"
    empty.write_text("")
    binary = tmp_path / "binary.txt"
    binary.write_bytes(b"abc\xff")
    folder = tmp_path / "folder"
    folder.mkdir()
    (folder / "empty.txt").write_text("")
    (folder / "program.py").write_text("pass")
    good = tmp_path / "good.txt"
    good.write_text("good text")
    cases = {
        tmp_path / "none": "does not exist: give a UTF-8 text file or a folder of them",
        empty: "is empty: give a UTF-8 text file or a folder of them",
        binary: "is not UTF-8 (first wrong byte at offset 3): convert it to UTF-8",
        folder: "is a folder without text: give one with .txt, .md or .text files",
        Path(os.devnull): "is neither a file nor a folder: give a UTF-8 text file or a folder of them",
    }
    for path, complaint in cases.items():
        settings: dict[str, Any] = {"cache_dir": str(tmp_path / "cache")}
        for setting, data in {
            "data.path": corpus(path, **settings),
            "data.validation_path": corpus(good, validation_path=path, **settings),
        }.items():
            with pytest.raises(UserError) as error:
                data.prepare()
            assert str(error.value) == f"{setting}={path} {complaint}"


def test_a_text_shorter_than_the_context_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "short.txt"
    path.write_text("0123456789")
    with pytest.raises(
        UserError, match=r"data\.context_length=9 is too long for the train split of 9 tokens"
    ):
        corpus(path, context_length=9).prepare()
    path.write_text("x")
    with pytest.raises(
        UserError, match=r"data\.context_length=1 is too long for the train split of 0 tokens"
    ):
        corpus(path, tokenizer="bpe").prepare()


@pytest.mark.parametrize("suffix", [".jsonl", ".ndjson", ".parquet"])
def test_rows_of_columns_are_no_text(tmp_path: Path, suffix: str) -> None:
    file = tmp_path / f"rows{suffix}"
    file.write_text('{"text": "some"}\n')
    with pytest.raises(UserError, match="holds rows of columns, not a text: data=hf"):
        corpus(file).prepare()


def test_markup_is_said_to_be_read_as_it_stands(tmp_path: Path) -> None:
    file = tmp_path / "table.csv"
    file.write_text("a,b\n" * 20)
    assert corpus(file).read().notes[-1] == ".csv is read as it stands, signs of its format included"
