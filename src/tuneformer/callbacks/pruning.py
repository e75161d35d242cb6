"""Ends a trial of a search early where its validations are worse than those of other trials."""

import warnings
from typing import Protocol

import pytorch_lightning as pl

from tuneformer.errors import Pruned


class Trial(Protocol):
    """What a search knows of this run."""

    def report(self, value: float, step: int) -> None:
        """Notes a validation."""
        ...

    def should_prune(self) -> bool:
        """Whether the trial is not worth going on with."""
        ...


class Pruning(pl.Callback):
    """Reports `metric` to the trial after each validation of training; Pruned where it should end.

    `trial` is None on every rank but the first, which decides for all.
    """

    def __init__(self, *, trial: Trial | None, metric: str) -> None:
        self.metric = metric
        self._trial = trial

    def on_validation_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        value = trainer.callback_metrics.get(self.metric)
        if trainer.state.fn != "fit" or value is None:
            return
        step = trainer.global_step
        prune = self._trial is not None and self._report(self._trial, float(value), step)
        if trainer.strategy.broadcast(prune) and step < trainer.max_steps:
            raise Pruned(step=step, metric=self.metric)

    def _report(self, trial: Trial, value: float, step: int) -> bool:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # a run that goes on reports a step that it has reported before
            trial.report(value, step)
        return trial.should_prune()
