"""The runs in a folder."""

from pathlib import Path

from tuneformer.errors import UserError


def runs_in(folder: Path) -> list[Path]:
    """The folder itself if it is a run, otherwise the runs right below it, as in a sweep's.

    Raises:
        UserError: there is none.
    """
    if not folder.is_dir():
        raise UserError(f"{folder} is not a folder: give a run directory, such as outputs/runs/<run>")
    if (folder / "record.json").exists():
        return [folder]
    runs = sorted(path.parent for path in folder.glob("*/record.json"))
    if not runs:
        raise UserError(f"{folder} holds no run: there is no record.json in it or right below it")
    return runs
