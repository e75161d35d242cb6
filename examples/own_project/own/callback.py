"""A callback."""

from pathlib import Path
from typing import Annotated, Any

import pytorch_lightning as pl

from tuneformer.config.ranges import AT_LEAST_ONE
from tuneformer.config.setting import Setting


class Diary(pl.Callback):
    """Writes diary.txt into the run directory, a line every so many steps."""

    def __init__(self, *, every_n_steps: Annotated[int, Setting("between two lines", AT_LEAST_ONE)]) -> None:
        self.every_n_steps = every_n_steps

    def on_train_batch_end(self, trainer: pl.Trainer, *_: Any) -> None:
        """Add a line."""
        if trainer.is_global_zero and trainer.global_step % self.every_n_steps == 0:
            with (Path(trainer.default_root_dir) / "diary.txt").open("a") as file:
                file.write(f"step {trainer.global_step}\n")
