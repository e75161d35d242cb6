"""Which checkpoint a run goes on from."""

import zipfile
from pathlib import Path

import torch

from tuneformer.callbacks.checkpoints import LAST, PREVIOUS
from tuneformer.errors import UserError
from tuneformer.terminal import say


def usable_checkpoint(folder: Path) -> Path | None:
    """last.ckpt, or previous.ckpt where it is damaged (and says so); None where there is neither.

    Raises:
        UserError: there are checkpoints, and all are damaged.
    """
    damaged: list[str] = []
    for name in (LAST, PREVIOUS):
        path = folder / name
        if not path.exists():
            continue
        if is_whole(path):
            if damaged:
                say(f"{folder / damaged[0]} is damaged: going on from {name}")
            return path
        damaged.append(name)
    if damaged:
        raise UserError(
            f"{folder} holds no usable checkpoint ({', '.join(damaged)} damaged): remove it to start over"
        )
    return None


def is_whole(path: Path) -> bool:
    """Whether a checkpoint's archive is complete, every checksum in it holds, and torch can read it."""
    try:
        with zipfile.ZipFile(path) as archive:
            intact = archive.testzip() is None
        return intact and checkpoint_step(path) >= 0
    except Exception:  # there is no telling what else than zipfile's own errors a damaged file raises
        return False


def checkpoint_step(path: Path | None) -> int:
    """The optimizer steps that a checkpoint was written after; 0 for none."""
    if path is None:
        return 0
    return int(torch.load(path, weights_only=True, mmap=True)["global_step"])
