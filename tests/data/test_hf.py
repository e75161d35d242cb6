"""Hugging Face data sets: every local format, shards that resume, memory that does not grow."""

import json
import tracemalloc
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow
import pytest
from pyarrow import parquet

from tuneformer.data.contract import SPLITS
from tuneformer.data.hf import hugging_face
from tuneformer.data.hf.documents import documents
from tuneformer.data.hf.hugging_face import HuggingFace
from tuneformer.data.hf.shard_writer import ShardingProgress, split_of
from tuneformer.data.text.token_batches import evaluation_rows, gather
from tuneformer.data.text.token_files import TokenShards
from tuneformer.data.text.token_splits import TokenSplits
from tuneformer.errors import UserError

TEXTS = [f"Document {number}: {'äpfel und birnen ' * (number % 7)}" for number in range(300)]


def option(path: Path, **changes: Any) -> HuggingFace:
    settings: dict[str, Any] = {
        "path": str(path),
        "subset": None,
        "column": "text",
        "max_documents": None,
        "held_out": 0.1,
        "shard_tokens": 2000,
        "tokenizer_documents": 50,
        "task": "language_modelling",
        "tokenizer": "bytes",
        "bpe_vocab_size": 300,
        "vocab_size": None,
        "context_length": 16,
        "batch_size": 4,
        "eval_batch_size": 4,
        "max_validation_bytes": 1_000_000,
        "num_workers": 0,
        "cache_dir": str(path.parent / "cache"),
    }
    return HuggingFace(**(settings | changes))


def write_json_lines(path: Path, texts: list[str] = TEXTS) -> Path:
    path.write_text("".join(json.dumps({"id": i, "text": t}) + "\n" for i, t in enumerate(texts)))
    return path


def tokens_of(splits: TokenSplits[TokenShards], name: str) -> np.ndarray:
    source = splits.splits[name]
    return np.asarray(source.open()[np.arange(source.n_tokens)])


def expected_text(name: str) -> str:
    return "".join(f"{text}\n\n" for text in TEXTS if split_of(text, held_out=0.1) == name)


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@pytest.mark.filterwarnings("ignore::FutureWarning")
@pytest.mark.parametrize("suffix", [".jsonl", ".parquet", ".arrow"])
def test_files_of_every_format_are_the_same_documents(tmp_path: Path, suffix: str) -> None:
    import datasets

    folder = tmp_path / "set"
    folder.mkdir()
    if suffix == ".jsonl":
        write_json_lines(folder / "a.jsonl", TEXTS[:100])
        write_json_lines(folder / "b.jsonl", TEXTS[100:])
    elif suffix == ".parquet":
        datasets.Dataset.from_dict({"text": TEXTS}).to_parquet(str(folder / "a.parquet"))
    else:
        datasets.Dataset.from_dict({"text": TEXTS}).save_to_disk(str(folder))
    assert list(documents(str(folder), subset=None, column="text", skip=250)) == TEXTS[250:]
    splits = option(folder).prepare()
    for name in SPLITS:
        assert splits.tokenizer.decode(tokens_of(splits, name)) == expected_text(name)
        assert splits.splits[name].n_bytes == len(expected_text(name).encode())
    assert len(splits.splits["train"].paths) > 3


def documents_of(path: Path) -> list[str | None]:
    return list(documents(str(path), subset=None, column="text", skip=0))


@pytest.mark.parametrize("suffix", [".jsonl", ".json", ".parquet"])
def test_nothing_but_the_column_is_read_and_nulls_are_counted(tmp_path: Path, suffix: str) -> None:
    folder = tmp_path / "set"
    folder.mkdir()
    first = [{"text": text, "id": number} for number, text in enumerate(TEXTS[:60])]
    second: list[dict[str, Any]] = [{"text": text, "other": [1]} for text in TEXTS[60:]]
    second[3] = {"text": None, "other": []}
    for name, rows in (("a", first), ("b", second)):
        if suffix == ".parquet":
            parquet.write_table(pyarrow.Table.from_pylist(rows), folder / f"{name}.parquet")
        elif suffix == ".json":
            (folder / f"{name}.json").write_text(json.dumps(rows))
        else:
            (folder / f"{name}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    assert documents_of(folder) == [*TEXTS[:63], None, *TEXTS[64:]]
    splits = option(folder).prepare()
    assert splits.notes[1] == "1 of them are null, and left out"
    whole = "".join(splits.tokenizer.decode(tokens_of(splits, name)) for name in SPLITS)
    assert len(whole) == sum(len(text) + 2 for text in TEXTS) - len(TEXTS[63]) - 2


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ('{"text": ["a", "b"]}', "data.column=text of .* must be text, and is a list in row 2"),
        ('{"text": 3}', "must be text, and is a int in row 2"),
        ('{"body": "a"}', "data.column=text is not in .*a.jsonl, row 2, of data.path: it has body"),
        ('"text"', "a.jsonl, row 2, is no object with columns"),
        ('{"text": ', "a.jsonl, line 2, is not JSON"),
        ("[" * 100_000, "a.jsonl, line 2, is not JSON"),
    ],
)
def test_what_is_no_text_is_refused_in_one_line(tmp_path: Path, row: str, message: str) -> None:
    file = tmp_path / "a.jsonl"
    file.write_text('{"text": "first"}\n' + row + "\n")
    with pytest.raises(UserError, match=message) as raised:
        documents_of(file)
    assert "\n" not in str(raised.value)


def test_a_damaged_file_is_one_line(tmp_path: Path) -> None:
    for suffix in (".parquet", ".arrow"):
        file = tmp_path / f"a{suffix}"
        file.write_bytes(b"PAR1 and nothing more")
        with pytest.raises(UserError, match=f"a{suffix} cannot be read: ") as raised:
            documents_of(file)
        assert "\n" not in str(raised.value)


@pytest.fixture
def streamed(monkeypatch: pytest.MonkeyPatch) -> dict[str, int]:
    """TEXTS as a stream without files, which counts what is read and breaks where it is told to."""
    seen = {"read": 0, "breaks_after": -1}

    def stream(path: str, *, subset: str | None, column: str, skip: int) -> Iterator[str]:
        for text in TEXTS[skip:]:
            if seen["read"] == seen["breaks_after"]:
                raise KeyboardInterrupt
            seen["read"] += 1
            yield text

    monkeypatch.setattr(hugging_face, "documents", stream)
    return seen


def test_a_preparation_that_was_stopped_goes_on_and_comes_to_the_same_files(
    tmp_path: Path, streamed: dict[str, int]
) -> None:
    whole = option(tmp_path / "hub/name", cache_dir=str(tmp_path / "whole")).prepare()
    cut = option(tmp_path / "hub/name", cache_dir=str(tmp_path / "cut"))
    for after in (40, 3, 120):
        streamed |= {"read": 0, "breaks_after": after}
        with pytest.raises(KeyboardInterrupt):
            cut.prepare()
    (folder,) = (tmp_path / "cut" / "shards").iterdir()
    done = ShardingProgress.read(folder).documents
    assert 100 < done < 163
    (folder / ".train-00099.bin.tmp").write_bytes(b"half a shard")
    streamed |= {"read": 0, "breaks_after": -1}
    again = cut.prepare()
    assert streamed["read"] == len(TEXTS) - done
    assert again.fingerprint == whole.fingerprint
    for name in SPLITS:
        assert (tokens_of(again, name) == tokens_of(whole, name)).all()
    streamed["read"] = 0
    assert cut.prepare().fingerprint == whole.fingerprint
    assert streamed["read"] == 0


@pytest.mark.usefixtures("streamed")
@pytest.mark.parametrize("tokenizer", ["characters", "bpe"])
def test_a_learnt_tokenizer_comes_from_the_first_training_documents(tmp_path: Path, tokenizer: str) -> None:
    splits = option(tmp_path / "hub/name", tokenizer=tokenizer).prepare()
    assert splits.tokenizer.name == tokenizer
    assert splits.tokenizer.decode(tokens_of(splits, "test")) == expected_text("test")


@pytest.mark.usefixtures("streamed")
def test_a_lost_shard_is_made_again(tmp_path: Path) -> None:
    first = option(tmp_path / "hub/name").prepare()
    first.splits["train"].paths[1].unlink()
    assert option(tmp_path / "hub/name").prepare().fingerprint == first.fingerprint


@pytest.mark.usefixtures("streamed")
def test_held_out_text_is_limited_and_documents_too(tmp_path: Path) -> None:
    splits = option(tmp_path / "hub/name", max_validation_bytes=400).prepare()
    assert 0 < splits.splits["validation"].n_bytes <= 400
    fewer = option(tmp_path / "hub/name", max_documents=200).prepare()
    assert "200 documents in" in fewer.notes[0]


def test_memory_does_not_grow_with_the_data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def stream(n: int) -> Any:
        return lambda path, **_: (f"{number} " * 200 for number in range(n))

    def peak(n: int) -> int:
        monkeypatch.setattr(hugging_face, "documents", stream(n))
        tracemalloc.start()
        option(tmp_path / f"hub/{n}", shard_tokens=1 << 16).prepare()
        return tracemalloc.get_traced_memory()[1]

    small = peak(500)
    large = peak(4000)
    tracemalloc.stop()
    # 3 MB of text more; held is a shard of 64 KiB, and what the collector of cycles has not come to yet
    assert large - small < 600_000


def test_windows_cross_shards_as_if_there_were_none(tmp_path: Path, streamed: dict[str, int]) -> None:
    assert streamed["read"] == 0
    splits = option(tmp_path / "hub/name").prepare()
    sharded, flat = splits.splits["train"].open(), tokens_of(splits, "train")
    starts = np.arange(0, len(flat) - 17, 5)
    assert (gather(sharded, starts, 16) == gather(flat, starts, 16)).all()
    rows = np.arange(len(flat) // 16 + 1)
    for mine, theirs in zip(
        evaluation_rows(sharded, rows, 16, ignored=-100),
        evaluation_rows(flat, rows, 16, ignored=-100),
        strict=True,
    ):
        assert (mine == theirs).all()


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_what_is_not_there_is_one_line(tmp_path: Path) -> None:
    file = write_json_lines(tmp_path / "a.jsonl", TEXTS[:3])
    other = tmp_path / "other"
    other.mkdir()
    (other / "a.csv").write_text("a,b\n")
    for changes, message in (
        ({"column": "body"}, "data.column=body is not in "),
        ({"path": other}, "must hold files of one of .parquet, .arrow, .jsonl"),
        ({}, "data.path has no document for "),
    ):
        with pytest.raises(UserError) as error:
            option(**{"path": file, **changes}).prepare()
        assert message in str(error.value)
        assert "\n" not in str(error.value)
    for changes, message in (
        ({"held_out": 0.6}, "data.held_out=0.6 must be above 0 and below 0.5"),
        ({"shard_tokens": 0}, "data.shard_tokens=0 must be at least 1"),
    ):
        with pytest.raises(UserError, match=message):
            option(file, **changes)
