"""Links in a folder that may have come from somebody else: nothing is written through them out of it."""

import os
from collections.abc import Iterator
from pathlib import Path

from tuneformer.errors import UserError

WRITTEN_INTO = ("analysis", "checkpoints", "mlflow", "probes", "tensorboard")
"""The folders of a run directory that are written into later, at any depth."""
NEW_EACH_TIME = "wandb"
"""Each attempt makes a folder of its own in it, where W&B itself puts a link to its log."""


def check_no_way_out(folder: Path) -> None:
    """Raises UserError where a link in a run directory, or in a sweep's folder, leads out of it.

    Looked at is what lies right in it and in `wandb`, and at any depth in the folders that a run writes into.
    Links from one place in the folder to another are no harm.
    """
    root = folder.resolve()
    for entry in _links(folder):
        target = Path(os.path.realpath(entry))
        if not target.is_relative_to(root):
            raise UserError(
                f"{entry} is a link that leads out of {folder} (to {target}): nothing is written through it,"
                " remove it or put what it points at in its place"
            )


def _links(folder: Path) -> Iterator[str]:
    left = [(str(folder), 0)]
    while left:
        place, depth = left.pop()
        try:
            entries = list(os.scandir(place))
        except OSError:
            continue
        for entry in entries:
            if entry.is_symlink():
                yield entry.path
            elif entry.is_dir(follow_symlinks=False) and _is_looked_into(entry.path, folder, depth):
                left.append((entry.path, depth + 1))


def _is_looked_into(path: str, folder: Path, depth: int) -> bool:
    top = Path(path).relative_to(folder).parts[0]
    return top in WRITTEN_INTO or (top == NEW_EACH_TIME and depth == 0)
