"""Which offline W&B runs there are, and their upload."""

import os
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from tuneformer.errors import UserError
from tuneformer.runs.record import read_record
from tuneformer.runs.wandb_places import offline_files

UPLOADED = ".synced"  # beside the file of a run that W&B has uploaded
TRAINING = "running"


@dataclass(frozen=True, kw_only=True)
class OfflineRun:
    """A run directory and the W&B files of its attempts in order; `uploaded` are those that W&B has already.

    `training`: a process trains in it now.
    """

    path: Path
    files: tuple[Path, ...]
    uploaded: tuple[Path, ...]
    training: bool

    @property
    def left(self) -> list[Path]:
        """The files that are still to be uploaded."""
        return [file for file in self.files if file not in self.uploaded]


def find_offline_runs(folders: Sequence[Path]) -> list[OfflineRun]:
    """Every run with offline W&B files in or below the folders, each once.

    Raises:
        UserError: a folder is missing, or there is no offline run in any.
    """
    for folder in folders:
        if not folder.is_dir():
            raise UserError(f"{folder} is not a folder: give run directories, or folders of them")
    found = {board.parent.resolve(): board for folder in folders for board in _boards(folder)}
    runs = [_offline_run(board) for board in found.values()]
    runs = [run for run in runs if run.files]
    if not runs:
        listed = ", ".join(str(folder) for folder in folders)
        raise UserError(f"{listed}: there is no offline W&B run (logger=wandb logger.wandb.mode=offline)")
    return runs


def upload(run: OfflineRun, *, project: str | None, entity: str | None) -> str | None:
    """Uploads what is left of a run, its attempts one after another; the reason if that failed.

    W&B marks each file that it has uploaded, so that a call that was stopped goes on where it was.
    """
    command = [sys.executable, "-m", "wandb", "sync"]
    command += ["--project", project] if project else []
    command += ["--entity", entity] if entity else []
    done = subprocess.run(
        [*command, *(str(file.parent) for file in run.left)], capture_output=True, text=True, check=False
    )
    if done.returncode == 0 and all(_is_uploaded(file) for file in run.files):
        return None
    lines = [line for line in (done.stderr + done.stdout).splitlines() if line.strip()]
    told = [line for line in lines if "ERROR" in line] or lines
    return told[-1].strip() if told else f"wandb sync ended with status {done.returncode}"


def _boards(folder: Path) -> list[Path]:
    boards = []
    for path, names, _ in os.walk(folder):
        if "wandb" in names:
            boards.append(Path(path) / "wandb")
        names[:] = sorted(name for name in names if name not in ("wandb", "checkpoints"))
    return boards


def _offline_run(board: Path) -> OfflineRun:
    files = tuple(offline_files(board.parent))
    try:
        training = read_record(board.parent / "record.json").status == TRAINING
    except UserError:
        training = False  # not a run of ours, or one without a record: W&B knows what it has
    return OfflineRun(
        path=board.parent,
        files=files,
        uploaded=tuple(file for file in files if _is_uploaded(file)),
        training=training,
    )


def _is_uploaded(file: Path) -> bool:
    return file.with_name(file.name + UPLOADED).exists()
