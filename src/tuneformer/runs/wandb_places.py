"""Where W&B keeps the runs: its project, and the folders of what it wrote offline."""

from pathlib import Path

from tuneformer.errors import UserError, reason_of
from tuneformer.process.environment import variable
from tuneformer.runs.files import write_text
from tuneformer.runs.record import run_identifier
from tuneformer.runs.regular_file import read_regular

PROJECT = "tuneformer"
FOLDER = "wandb"
"""Where W&B keeps a run, below WANDB_DIR or the run directory."""
ELSEWHERE = "kept_in.txt"
"""In <run>/wandb: the folders, one a line, that WANDB_DIR named at an attempt."""
AT_MOST_BYTES = 1 << 16


def project_of(project: str | None) -> str:
    """The W&B project: what is given, else WANDB_PROJECT, else ours."""
    return project or variable("WANDB_PROJECT") or PROJECT


def folder_of(run: Path) -> Path:
    """Where W&B is to keep its folder: the run directory, or WANDB_DIR, which the run then has a note of.

    It has no link, since nothing is written through one that leads out of a run directory.

    Raises:
        UserError: WANDB_DIR cannot be written to.
    """
    run, elsewhere = run.resolve(), variable("WANDB_DIR")
    if elsewhere is None:
        return run
    note = run / FOLDER / ELSEWHERE
    try:
        folder = Path(elsewhere).expanduser().resolve()
        (folder / FOLDER).mkdir(parents=True, exist_ok=True)
        note.parent.mkdir(parents=True, exist_ok=True)
    except (OSError, RuntimeError) as error:  # ~ of nobody here
        raise UserError(f"WANDB_DIR={elsewhere} cannot be written to: {reason_of(error)}") from error
    known = _noted(note)
    if folder != run and folder not in known:
        write_text(note, "".join(f"{each}\n" for each in [*known, folder]))
    return folder


def offline_files(run: Path) -> list[Path]:
    """What W&B wrote offline for a run, by the time of its attempts: in its folder, and where WANDB_DIR was.

    A folder noted there holds other runs as well: of it only files of this run's own name are taken.
    """
    board = run / FOLDER
    found = [*board.glob("offline-run-*/*.wandb")]
    for folder in _noted(board / ELSEWHERE):
        found += (folder / FOLDER).glob(f"offline-run-*-{run_identifier(run)}/*.wandb")
    return sorted(found, key=lambda file: (file.parent.name, str(file)))


def _noted(note: Path) -> list[Path]:
    try:
        lines = read_regular(note, at_most=AT_MOST_BYTES).decode("utf-8").split("\n")
    except (OSError, ValueError):
        return []
    return [Path(line) for line in lines if line.isprintable() and Path(line).is_absolute()]
