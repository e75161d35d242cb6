"""What measures a run while it trains, for the rows that RunMetrics writes."""

from collections.abc import Mapping

import pytorch_lightning as pl

from tuneformer.tasks.base import Task


class Measurement(pl.Callback):
    """A callback with numbers for the next row. It only reads: training is the same to the bit without it."""

    def after_step(self, trainer: pl.Trainer, task: Task) -> Mapping[str, float]:
        """Metrics of the optimizer step just made, asked for at the steps that are logged, on all ranks."""
        del trainer, task
        return {}

    def after_validation(self, trainer: pl.Trainer, task: Task) -> Mapping[str, float]:
        """Metrics of the weights just validated, on all ranks."""
        del trainer, task
        return {}


def measurements_of(trainer: pl.Trainer) -> list[Measurement]:
    """Those that watch the run which `trainer` trains."""
    callbacks: list[pl.Callback] = getattr(trainer, "callbacks")  # noqa: B009 - Lightning declares no type for it
    return [callback for callback in callbacks if isinstance(callback, Measurement)]
