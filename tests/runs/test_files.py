import errno
import json
import math
from pathlib import Path
from typing import IO

import pytest

from tuneformer.runs.files import write_json, write_text, write_whole

pytestmark = pytest.mark.fast


def test_a_write_replaces_the_whole_file_and_leaves_nothing_beside_it(tmp_path: Path) -> None:
    file = tmp_path / "file"
    write_text(file, "a long first content, with ümlauts")
    write_text(file, "short")
    assert file.read_text(encoding="utf-8") == "short"
    assert list(tmp_path.iterdir()) == [file]


@pytest.mark.parametrize("error", [OSError(errno.ENOSPC, "No space left on device"), KeyboardInterrupt()])
def test_a_write_that_breaks_off_keeps_the_old_content(tmp_path: Path, error: BaseException) -> None:
    file = tmp_path / "file"
    write_text(file, "old")

    def break_off(opened: IO[bytes]) -> None:
        opened.write(b"half of the n")
        raise error

    with pytest.raises(type(error)):
        write_whole(file, break_off)
    assert file.read_text(encoding="utf-8") == "old"
    assert list(tmp_path.iterdir()) == [file]


def test_a_first_write_that_breaks_off_leaves_no_file(tmp_path: Path) -> None:
    with pytest.raises(TypeError):
        write_json(tmp_path / "file", object())
    assert list(tmp_path.iterdir()) == []


def test_what_is_being_written_is_not_to_be_seen_under_the_name(tmp_path: Path) -> None:
    file = tmp_path / "file"
    seen: list[bool] = []

    def look(opened: IO[bytes]) -> None:
        opened.write(b"content")
        seen.append(file.exists())

    write_whole(file, look)
    assert seen == [False]
    assert file.read_bytes() == b"content"


def test_json_spells_out_what_json_has_no_number_for(tmp_path: Path) -> None:
    file = tmp_path / "file.json"
    write_json(file, {"a": [1.5, math.nan, {"b": math.inf}], "c": (-math.inf, None, True)})

    def refuse(constant: str) -> None:
        raise AssertionError(f"{constant} is not JSON")

    read = json.loads(file.read_text(encoding="utf-8"), parse_constant=refuse)
    assert read == {"a": [1.5, "nan", {"b": "inf"}], "c": ["-inf", None, True]}
    assert [float(read["a"][2]["b"]), float(read["c"][0])] == [math.inf, -math.inf]
