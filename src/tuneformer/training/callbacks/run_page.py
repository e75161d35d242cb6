"""The page of a run while it trains: what can be looked at is never far behind."""

import time
from pathlib import Path
from typing import Any

import pytorch_lightning as pl

from tuneformer.errors import UserError
from tuneformer.process.terminal import say
from tuneformer.report.run_page.html import write_page
from tuneformer.tasks.logged_steps import logs_step
from tuneformer.training.callbacks.run_metrics import run_metrics_of
from tuneformer.training.callbacks.run_stops import callbacks_of

LARGEST_SHARE = 0.01
"""Of the time that passes, that writing the page may take while the run trains."""


class RunPage(pl.Callback):
    """Writes report.html after each validation; whoever ends the run calls `write` once more.

    It is left out where writing it would take more than LARGEST_SHARE of the time, and is no part of the
    seconds of training.
    """

    def __init__(self) -> None:
        self._validated: int | None = None
        self._not_before = 0.0

    def on_validation_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        if trainer.is_global_zero and not trainer.sanity_checking:
            self._validated = trainer.global_step

    def on_train_batch_end(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        step = trainer.global_step
        if self._validated is None or step == self._validated or time.monotonic() < self._not_before:
            return
        if logs_step(trainer, step):  # then the row of the validated step is in metrics.csv
            self._validated = None
            with run_metrics_of(trainer).paused():
                self.write(Path(trainer.default_root_dir))

    def write(self, folder: Path) -> None:
        """Writes the page of the run in `folder`; where it cannot be, that is said."""
        begun = time.monotonic()
        try:
            write_page(folder)
        except UserError as error:
            say(f"no page of the run: {error}")
        took = time.monotonic() - begun
        self._not_before = begun + took / LARGEST_SHARE


def run_page_of(trainer: pl.Trainer) -> RunPage | None:
    """The one that a run has."""
    return next((each for each in callbacks_of(trainer) if isinstance(each, RunPage)), None)
