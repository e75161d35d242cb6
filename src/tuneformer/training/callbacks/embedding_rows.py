"""Which rows of the lookup tables training reaches."""

from collections.abc import Mapping
from typing import Any, cast

import pytorch_lightning as pl
import torch
from torch import Tensor, nn
from torch.distributed.tensor import DTensor
from torch.optim import Optimizer

from tuneformer.measures.registry import UNTRAINED
from tuneformer.tasks.base import Task
from tuneformer.tasks.logged_steps import logs_step
from tuneformer.training.callbacks.measurement import Measurement


class EmbeddingRows(Measurement):
    """The share of rows of all lookup tables that had no gradient at any logged step.

    A token that no batch held, where the table is not the output matrix too. Left out where tables are
    spread over devices.
    """

    def __init__(self) -> None:
        self._reached: dict[str, Tensor] = {}

    def on_before_optimizer_step(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, optimizer: Optimizer
    ) -> None:
        if not logs_step(trainer, trainer.global_step + 1):
            return
        for name, module in cast(Task, pl_module).model.named_modules():
            if isinstance(module, nn.Embedding) and not isinstance(module.weight, DTensor):
                gradient = module.weight.grad
                if gradient is not None:
                    now = (gradient != 0).any(dim=1)
                    before = self._reached.get(name)
                    self._reached[name] = now if before is None else before.to(now.device) | now

    def after_step(self, trainer: pl.Trainer, task: Task) -> Mapping[str, float]:
        """See `Measurement`."""
        del trainer, task
        if not self._reached:
            return {}
        return {UNTRAINED.column: 1 - float(torch.cat([*self._reached.values()]).float().mean())}

    def state_dict(self) -> dict[str, Any]:
        return {"reached": self._reached}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        self._reached = dict(state_dict["reached"])
