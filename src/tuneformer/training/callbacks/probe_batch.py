"""The examples that are looked at while a run trains: always the same ones."""

from typing import Any, cast

import pytorch_lightning as pl
from torch.distributed.tensor import DTensor

from tuneformer.data.batch_module import BatchModule
from tuneformer.process.random_state import kept_random_state
from tuneformer.tasks.base import Task
from tuneformer.training.callbacks.measurement import Measurement


def probe_batch(trainer: pl.Trainer, task: Task, *, examples: int, n_tokens: int) -> Any:
    """The first examples of validation, on this device; the same for every number of devices."""
    module: BatchModule = getattr(trainer, "datamodule")  # noqa: B009 - Lightning declares no type for it
    with kept_random_state():
        batch = next(iter(module.evaluation_batches("validation", rank=0, world_size=1)))
    here = trainer.strategy.batch_to_device(task.some_examples(batch, slice(examples), n_tokens=n_tokens))
    return trainer.precision_plugin.convert_input(here)


def is_sharded(task: pl.LightningModule) -> bool:
    """Whether no process has the whole model."""
    return any(isinstance(parameter, DTensor) for parameter in cast(Task, task).model.parameters())


class ProbeMeasurement(Measurement):
    """A measurement on the same few examples of validation, by the first process alone.

    Left out where no process has the whole model, or where `can_measure` says no.
    """

    def __init__(self, *, examples: int, n_tokens: int) -> None:
        self.examples = examples
        self.n_tokens = n_tokens
        self.batch: Any = None
        """The examples; None where nothing is measured."""

    def can_measure(self, task: Task) -> bool:
        """Whether there is something to measure in the model."""
        del task
        return True

    def on_train_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        task = cast(Task, pl_module)
        if trainer.is_global_zero and not is_sharded(task) and self.can_measure(task):
            self.batch = probe_batch(trainer, task, examples=self.examples, n_tokens=self.n_tokens)
