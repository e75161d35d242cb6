from pathlib import Path
from typing import Any

import pytest

from tests.data.pair_settings import pair_settings, write_pair_file
from tuneformer.data.corpora.pairs import Pairs, read_pairs, split_of
from tuneformer.data.pairs.pair_text import Pair
from tuneformer.errors import UserError

pytestmark = pytest.mark.fast


def pairs(path: Path, **changes: Any) -> Pairs:
    return Pairs(path=str(path), **pair_settings(path.parent / "cache", **changes))


def refused(path: Path, **changes: Any) -> str:
    with pytest.raises(UserError) as error:
        pairs(path, **changes).prepare()
    assert "\n" not in str(error.value)
    return str(error.value)


def test_a_file_is_read_line_by_line(tmp_path: Path) -> None:
    file = tmp_path / "pairs.tsv"
    file.write_text("Off\tAus\n\nWindow  is open\t Fenster offen\tfurther\r\n", encoding="utf-8")
    assert read_pairs(file) == [Pair("Off", "Aus"), Pair("Window is open", "Fenster offen")]


def test_a_source_is_whole_in_one_split_and_kept_in_the_cache(tmp_path: Path) -> None:
    file = write_pair_file(tmp_path / "pairs.tsv")
    prepared = pairs(file).prepare()
    text = pairs(file).read()
    for name, split in text.splits.items():
        assert {split_of(pair.source) for pair in split} == {name}
        assert len(prepared.splits[name]) == len(split)
        decoded = [prepared.tokenizer.decode(prepared.splits[name].source[row]) for row in range(len(split))]
        assert decoded == [pair.source for pair in split]
    assert len(text.train) > 5 * len(text.test) > 0
    assert pairs(file).prepare().fingerprint == prepared.fingerprint
    write_pair_file(file, seed=1)
    assert pairs(file).prepare().fingerprint != prepared.fingerprint


def test_damaged_files_are_made_again(tmp_path: Path) -> None:
    file = write_pair_file(tmp_path / "pairs.tsv")
    before = pairs(file).prepare()
    (damaged,) = tmp_path.glob("cache/pairs/*/train.source.tokens.npy")
    content = damaged.read_bytes()
    damaged.write_bytes(content[:-4] + b"\xff\xff\xff\xff")
    after = pairs(file).prepare()
    assert after.fingerprint == before.fingerprint
    assert damaged.read_bytes() == content


def test_pairs_too_long_for_the_context_are_left_out_and_told(tmp_path: Path) -> None:
    file = write_pair_file(tmp_path / "pairs.tsv")
    prepared = pairs(file, context_length=13).prepare()
    for split in prepared.splits.values():
        assert max(split.source.lengths.max(), split.target.lengths.max()) < 13
    assert any("train pairs are longer than data.context_length" in note for note in prepared.notes)


def test_a_line_with_one_column_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "one.tsv"
    file.write_text("Off\tAus\nOnly this\n", encoding="utf-8")
    expected = "has one column in line 2: each line is a source, a tab and its translation"
    assert refused(file) == f"data.path={file} {expected}"
    file.write_text("Off\tAus\n\tnur das\n", encoding="utf-8")
    assert "has one column in line 2" in refused(file)


def test_a_file_that_is_missing_empty_or_not_utf8_is_refused(tmp_path: Path) -> None:
    assert "cannot be read (No such file or directory)" in refused(tmp_path / "none.tsv")
    (tmp_path / "empty.tsv").write_text("\n\n")
    assert "is empty: each line is a source, a tab and its translation" in refused(tmp_path / "empty.tsv")
    (tmp_path / "latin.tsv").write_bytes(b"caf\xe9\tKaffee\n")
    assert "is not UTF-8 (first wrong byte at offset 3)" in refused(tmp_path / "latin.tsv")


def test_too_few_pairs_are_refused(tmp_path: Path) -> None:
    file = write_pair_file(tmp_path / "pairs.tsv", n_lines=400)
    assert refused(file, batch_size=1000).startswith("data.batch_size=1000 must be at most the ")
    few = tmp_path / "few.tsv"
    few.write_text("a b\tc d\n" * 20, encoding="utf-8")
    assert refused(few, batch_size=1) in {
        f"data has no {name} pairs with at most 64 tokens a side" for name in ("train", "validation")
    }
