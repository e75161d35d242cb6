import os
import time
from pathlib import Path

import pytest

from tuneformer.data.prepared_cache import PreparedCache, cache_writing
from tuneformer.data.text.corpus_text import CorpusText, hash_text
from tuneformer.data.text.token_files import TokenFile
from tuneformer.data.text.token_splits import TokenSplits, load_token_splits, write_token_splits
from tuneformer.data.tokenizers.plain_tokenizers import ByteTokenizer
from tuneformer.errors import UserError

pytestmark = pytest.mark.fast

TEXT = CorpusText(train=["abc"], validation=["de"], test=["f"])


def cache_in(folder: Path) -> PreparedCache[TokenSplits[TokenFile]]:
    return PreparedCache(folder, folder="tokens", load=load_token_splits)


def write(folder: Path) -> None:
    hashes = {name: hash_text(pieces) for name, pieces in TEXT.splits.items()}
    write_token_splits(folder, ByteTokenizer(), TEXT, hashes)


def entries(cache_dir: Path) -> list[str]:
    return sorted(path.name for path in (cache_dir / "tokens").iterdir())


def test_a_source_is_found_once_its_content_is_there(tmp_path: Path) -> None:
    cache = cache_in(tmp_path)
    assert cache.find_source("a file") is None
    cache.remember("a file", "c0ffee")
    assert cache.find_source("a file") is None
    built = cache.build("c0ffee", write)
    found = cache.find_source("a file")
    assert found is not None
    assert found.splits == built.splits
    assert cache.find_source("another file") is None


def test_a_garbled_note_about_a_source_is_not_followed(tmp_path: Path) -> None:
    cache = cache_in(tmp_path)
    cache.build("c0ffee", write)
    for garbled in ("", "../tokens/c0ffee", "c0f"):
        cache.remember("a file", garbled)
        assert cache.find_source("a file") is None


def test_the_slower_of_two_builders_uses_the_files_of_the_quicker(tmp_path: Path) -> None:
    cache = cache_in(tmp_path)

    def overtaken(folder: Path) -> None:
        write(folder)
        cache.build("c0ffee", write)

    assert bytes(cache.build("c0ffee", overtaken).splits["train"].open()) == b"abc"
    assert entries(tmp_path) == ["c0ffee"]


def test_a_damaged_folder_is_replaced(tmp_path: Path) -> None:
    cache = cache_in(tmp_path)
    cache.build("c0ffee", write).splits["train"].path.write_bytes(b"ab")
    assert cache.find_content("c0ffee") is None
    assert bytes(cache.build("c0ffee", write).splits["train"].open()) == b"abc"
    assert entries(tmp_path) == ["c0ffee"]


@pytest.mark.parametrize("failure", [KeyboardInterrupt, ValueError])
def test_a_failed_build_leaves_nothing(tmp_path: Path, failure: type[BaseException]) -> None:
    def fail(folder: Path) -> None:
        write(folder)
        raise failure

    with pytest.raises(failure):
        cache_in(tmp_path).build("c0ffee", fail)
    assert entries(tmp_path) == []


def test_what_a_killed_process_left_is_removed_after_a_day(tmp_path: Path) -> None:
    old, young = tmp_path / "tokens" / ".old", tmp_path / "tokens" / ".young"
    for folder in (old, young):
        folder.mkdir(parents=True)
        (folder / "train.bin").write_bytes(b"half")
    os.utime(old, (time.time() - 90_000, time.time() - 90_000))
    cache_in(tmp_path).build("c0ffee", write)
    assert entries(tmp_path) == [".young", "c0ffee"]


def test_a_cache_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    blocked = tmp_path / "file"
    blocked.write_text("")
    with pytest.raises(
        UserError, match=rf"data\.cache_dir={blocked} cannot be written \(.+\): give a folder"
    ):
        cache_in(blocked).build("c0ffee", write)
    with pytest.raises(UserError, match="No space left"), cache_writing(tmp_path):
        raise OSError(28, "No space left on device")
