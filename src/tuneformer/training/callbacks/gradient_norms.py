"""The gradient of each part of the model."""

from collections.abc import Mapping
from typing import cast

import pytorch_lightning as pl
from torch import Tensor
from torch.optim import Optimizer

from tuneformer.measures.gradients import norms_by_part
from tuneformer.measures.registry import GRADIENT_NORM_OF_PART
from tuneformer.models.parts import parameters_by_part
from tuneformer.tasks.base import Task
from tuneformer.tasks.logged_steps import logs_step
from tuneformer.training.callbacks.measurement import Measurement
from tuneformer.training.callbacks.tensors import as_numbers


class GradientNorms(Measurement):
    """|g| of the step's whole gradient, before clipping, by part of the model (`parameters_by_part`)."""

    def __init__(self) -> None:
        self._norms: dict[str, Tensor] = {}

    def on_before_optimizer_step(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, optimizer: Optimizer
    ) -> None:
        if logs_step(trainer, trainer.global_step + 1):
            parts = parameters_by_part(cast(Task, pl_module).model)
            gradients = {part: [p.grad for p in mine if p.grad is not None] for part, mine in parts.items()}
            self._norms = norms_by_part({part: each for part, each in gradients.items() if each})

    def after_step(self, trainer: pl.Trainer, task: Task) -> Mapping[str, float]:
        """See `Measurement`."""
        del trainer, task
        norms, self._norms = self._norms, {}
        return as_numbers({GRADIENT_NORM_OF_PART.at(part): norm for part, norm in norms.items()})
