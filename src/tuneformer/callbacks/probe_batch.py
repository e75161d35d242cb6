"""The examples that are looked at while a run trains: always the same ones."""

from typing import Any, cast

import pytorch_lightning as pl
from torch.distributed.tensor import DTensor

from tuneformer.data.batch_module import BatchModule
from tuneformer.random_state import kept_random_state
from tuneformer.tasks.base import Task


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
