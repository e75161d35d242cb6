"""Pages name places by their way from the working directory."""

from pathlib import Path

import pytest

from tuneformer.runs.shown_paths import shown_command, shown_line, shown_path

pytestmark = pytest.mark.fast


def test_a_path_is_shown_from_the_working_directory_on() -> None:
    here = Path.cwd()
    assert shown_path(here / "outputs/sweeps/s") == "outputs/sweeps/s"
    assert shown_path("outputs/sweeps/s") == "outputs/sweeps/s"
    assert shown_path("/somebody/private/sweeps/s") == ".../s"
    assert shown_path("~/private/s") == shown_path("~nobody here/private/s") == ".../s"
    assert shown_path(here / "../other") == ".../other"


def test_a_command_is_shown_without_places_elsewhere() -> None:
    here = Path.cwd()
    words = ["python", f"{here}/train.py", "data.path=/somebody/text.txt", f"--to={here}/a b", "lr=0.1"]
    told = "python train.py data.path=.../text.txt '--to=a b' lr=0.1"
    assert shown_command(words) == told
    assert shown_line(f"{here}/train.py 'it is'") == "train.py 'it is'"
    assert shown_line("/somebody/train.py 'broken") == ".../train.py 'broken"
