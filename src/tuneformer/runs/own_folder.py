"""The folder that `run_dir=` names is the run's own: no other run and no sweep lies in it or around it."""

import os
from pathlib import Path

from tuneformer.errors import UserError

MANIFEST = "sweep.json"
RUN_FILES = ("record.json", "config.yaml")


def check_own_folder(run_dir: str) -> None:
    """Raises UserError where a run in this folder would lie among the files of something else.

    A folder with a run in it is taken as it is, so that the run can go on.
    """
    path = Path(os.path.realpath(run_dir))  # unlike resolve, takes a link to itself as it is
    if (path / MANIFEST).exists():
        raise UserError(f"run_dir={run_dir} is the folder of a sweep: give one of its own")
    for outer in path.parents:
        if all((outer / name).is_file() for name in RUN_FILES):
            raise UserError(f"run_dir={run_dir} lies in the folder of a run, {outer.name}: give one outside")
    if (path / RUN_FILES[0]).exists():
        return
    if Path.cwd().resolve().is_relative_to(path):
        raise UserError(
            f"run_dir={run_dir} is the working directory or a folder around it: give one of its own"
        )
    if (found := _held(path)) is not None:
        raise UserError(f"run_dir={run_dir} holds {found}: give a folder of its own")


def _held(folder: Path) -> str | None:
    """What of ours lies right below a folder."""
    try:
        below = sorted(folder.iterdir())
    except OSError:  # it is not there, or whoever makes it tells of it
        return None
    for path in below:
        if (path / MANIFEST).exists() or (path / RUN_FILES[0]).exists():
            return f"the {'sweep' if (path / MANIFEST).exists() else 'run'} {path.name}"
        if path.name in ("runs", "sweeps") and path.parent.name == "outputs":
            return f"all {path.name}"
    return None
