"""Runs train.py as a fresh process would, in a child that already has torch in memory.

A script for runpy.run_path, which gives it as globals: `arguments` of train.py, `folder` to work in, the
pipe `output` or the name of a `terminal`, `faults`, the signals that the child sends itself, the largest
`file_size` after `from_step`, and the `environment`, since the server that forks keeps that of its start.
"""

import os
import resource
import runpy
import sys
from pathlib import Path
from typing import Any

import pytorch_lightning as pl
import torch

from tuneformer.training.callbacks.run_metrics import RunMetrics

arguments: list[str] = globals()["arguments"]
folder: str = globals()["folder"]
faults: list[dict[str, Any]] = globals()["faults"]
file_size: int | None = globals()["file_size"]
from_step: int = globals()["from_step"]

TRAIN = Path(__file__).parents[2] / "train.py"
save = torch.save


def strike(where: str, step: int) -> None:
    for fault in faults:
        if (fault["where"], fault["step"]) == (where, step):
            faults.remove(fault)
            os.kill(os.getpid(), fault["signal"])


def fill_disk(step: int) -> None:
    if file_size is not None and step >= from_step:
        resource.setrlimit(resource.RLIMIT_FSIZE, (file_size, file_size))


def save_or_strike(checkpoint: dict[str, Any], file: Any) -> None:
    file.write(b"half of a checkpoint")
    strike("saving", checkpoint["global_step"])
    file.seek(0)
    save(checkpoint, file)


def at(where: str) -> Any:
    def hook(self: RunMetrics, trainer: pl.Trainer, *_: Any) -> None:
        strike(where, trainer.global_step)
        fill_disk(trainer.global_step)

    return hook


for place, hook in {
    "batch": "on_train_batch_start",
    "validating": "on_validation_batch_start",
    "testing": "on_test_batch_start",
}.items():
    assert hook not in vars(RunMetrics)
    setattr(RunMetrics, hook, at(place))
torch.save = save_or_strike

os.chdir(folder)
os.environ.clear()  # the server has the W&B service of an earlier test, if there was one as it started
os.environ.update(globals()["environment"])
os.environ["TERM"] = "xterm-256color"
os.environ.pop("COLUMNS", None)
output: int = (
    os.open(globals()["terminal"], os.O_RDWR) if "terminal" in globals() else globals()["output"].fileno()
)
os.dup2(output, 1)
os.dup2(output, 2)
sys.argv = [str(TRAIN), *arguments]
runpy.run_path(str(TRAIN), run_name="__main__")
