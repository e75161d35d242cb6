"""Links in a folder that may have come from somebody else: nothing is written through them out of it."""

import os
from collections.abc import Iterator
from pathlib import Path

from tuneformer.errors import UserError

WRITTEN_INTO = ("analysis", "checkpoints", "probes", "tensorboard", "wandb")
"""The folders of a run directory that are written into later."""


def check_no_way_out(folder: Path) -> None:
    """Raises UserError where a link in a run directory, or in a sweep's folder, leads out of it.

    Looked at is what lies right in it, and at any depth in the folders that a run writes into. Links from one
    place in the folder to another are no harm.
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
    left = [str(folder)]
    inside = False
    while left:
        try:
            entries = list(os.scandir(left.pop()))
        except OSError:
            continue
        for entry in entries:
            if entry.is_symlink():
                yield entry.path
            elif (inside or entry.name in WRITTEN_INTO) and entry.is_dir(follow_symlinks=False):
                left.append(entry.path)
        inside = True
