from pathlib import Path

import pytest

from tuneformer.errors import UserError
from tuneformer.report.charts.image import Panel, write_png
from tuneformer.report.charts.series import Series

PANEL = Panel(series=[Series(name="a", x=[1, 2], y=[3, 4])], x_label="x", y_label="y", marks=[(1.5, "here")])


def test_a_picture_is_written_where_there_was_no_folder(tmp_path: Path) -> None:
    write_png(tmp_path / "new" / "a.png", [PANEL, PANEL], title="two")
    assert (tmp_path / "new" / "a.png").read_bytes().startswith(b"\x89PNG")


def test_a_picture_that_cannot_be_written_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(UserError, match=r"a\.png cannot be written"):
        write_png(tmp_path / "file" / "a.png", [PANEL], title="none")


@pytest.mark.parametrize("name", ["picture", "picture.bmpp"])
def test_a_name_that_tells_no_kind_of_image_is_one_line(name: str) -> None:
    with pytest.raises(UserError, match=rf"^{name} ") as error:
        write_png(Path(name), [PANEL], title="none")
    assert len(str(error.value).splitlines()) == 1
