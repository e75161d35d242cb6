import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tuneformer.data.text import file_parts
from tuneformer.data.text.file_parts import Concatenation, FilePart, count_characters
from tuneformer.errors import UserError

pytestmark = pytest.mark.fast


@pytest.fixture(autouse=True)
def blocks_of_seven_bytes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(file_parts, "BLOCK_BYTES", 7)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("parts")


@given(text=st.text(st.characters(exclude_categories=["Cs"]), max_size=60), data=st.data())
def test_a_file_split_at_any_character_gives_the_slices_of_its_text(
    folder: Path, text: str, data: st.DataObject
) -> None:
    path = folder / "text"
    path.write_bytes(text.encode())
    counted = count_characters(path, setting="data.path")
    assert counted.n_characters == len(text)
    cut = data.draw(st.integers(0, len(text)))
    first, rest = counted.split(cut)
    assert "".join(first) == text[:cut]
    assert "".join(rest) == text[cut:]


def test_a_file_is_read_in_pieces_no_longer_than_a_block(tmp_path: Path) -> None:
    path = tmp_path / "text"
    path.write_text("abc" * 20)
    pieces = list(FilePart(path))
    assert "".join(pieces) == "abc" * 20
    assert max(map(len, pieces)) == 7


@pytest.mark.parametrize(
    ("content", "offset"),
    [
        (b"\xff", 0),
        (b"0123456789\xe9 latin", 10),
        (b"01234\xe2\x82", 5),  # the euro sign, cut off at the end of the file
        (b"012345\xe2\x82\xac\xff", 9),  # the euro sign, whole, over the end of a block
        (b"012345\xe2\x28", 6),  # a wrong second byte, in the next block
    ],
)
def test_the_first_byte_that_is_not_utf8_is_told_by_its_offset(
    tmp_path: Path, content: bytes, offset: int
) -> None:
    path = tmp_path / "broken.txt"
    path.write_bytes(content)
    with pytest.raises(UnicodeDecodeError) as theirs:
        content.decode()
    assert theirs.value.start == offset
    with pytest.raises(UserError, match=rf"data\.path={path} is not UTF-8 .*offset {offset}\)"):
        count_characters(path, setting="data.path")


def test_a_concatenation_may_be_read_twice(tmp_path: Path) -> None:
    path = tmp_path / "text"
    path.write_text("one" + os.linesep)
    both = Concatenation([FilePart(path), ("two",)])
    assert "".join(both) == "".join(both) == f"one{os.linesep}two"
