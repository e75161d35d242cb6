"""A run's folder is its own: no other run and no sweep lies in it or around it."""

from pathlib import Path

import pytest

from tuneformer.errors import UserError
from tuneformer.runs.own_folder import check_own_folder

pytestmark = pytest.mark.fast


def touch(*files: str) -> None:
    for file in map(Path, files):
        file.parent.mkdir(parents=True, exist_ok=True)
        file.touch()


@pytest.mark.parametrize(
    ("run_dir", "expected"),
    [
        (".", "is the working directory or a folder around it"),
        ("..", "is the working directory or a folder around it"),
        ("/", "is the working directory or a folder around it"),
        ("outputs/sweeps/mine", "is the folder of a sweep"),
        ("outputs/sweeps/mine/", "is the folder of a sweep"),
        ("outputs/sweeps/as_well", "is the folder of a sweep"),
        ("outputs/sweeps", "holds the sweep as_well"),
        ("outputs/runs", "holds the run one"),
        ("outputs", "holds all runs"),
        ("outputs/runs/one/checkpoints", "lies in the folder of a run, one"),
        ("outputs/runs/one/a/b", "lies in the folder of a run, one"),
    ],
)
def test_a_folder_that_is_something_else_is_refused(run_dir: str, expected: str) -> None:
    touch("outputs/sweeps/mine/sweep.json", "outputs/sweeps/as_well/sweep.json")
    touch("outputs/sweeps/as_well/record.json", "outputs/sweeps/mine/seed=0/record.json")
    touch("outputs/runs/one/record.json", "outputs/runs/one/config.yaml", "outputs/runs/one/checkpoints/a")
    with pytest.raises(UserError) as error:
        check_own_folder(run_dir)
    assert str(error.value).startswith(f"run_dir={run_dir} {expected}: give ")


def test_folders_of_its_own_pass() -> None:
    touch("record.json", "outputs/runs/one/record.json", "mine/notes.txt", "a_file")
    Path("loop").symlink_to("loop")  # whoever makes the folder tells of it
    for run_dir in (".", "loop", "outputs/runs/one", "outputs/runs/two", "mine", "a_file", "/proc/run"):
        check_own_folder(run_dir)
