"""How far a step moves the weights."""

from collections.abc import Mapping

import pytorch_lightning as pl
import torch
from torch import Tensor
from torch.optim import Optimizer

from tuneformer.measures.gradients import update_ratio
from tuneformer.measures.registry import UPDATE_RATIO, WEIGHT_NORM
from tuneformer.measures.weights import weight_norm
from tuneformer.tasks.base import Task
from tuneformer.tasks.logged_steps import logs_step
from tuneformer.training.callbacks.measurement import Measurement
from tuneformer.training.callbacks.tensors import as_numbers


class UpdateSizes(Measurement):
    """How far a step moves the weights of a parameter group, and how large they were.

    |W after - W before| / |W before|, and |W before|.

    Decay included. Weights of norm 0 have no ratio. The weights of a step that is logged are kept until it
    is made: so much memory once more.
    """

    def __init__(self) -> None:
        self._before: tuple[int, dict[str, list[Tensor]]] | None = None

    @torch.no_grad()
    def on_before_optimizer_step(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, optimizer: Optimizer
    ) -> None:
        step = trainer.global_step
        asked_again = self._before is not None and self._before[0] == step  # with the weights moved already
        if logs_step(trainer, step + 1) and not asked_again:
            groups = optimizer.param_groups
            self._before = step, {g["name"]: [p.detach().clone() for p in g["params"]] for g in groups}

    @torch.no_grad()
    def after_step(self, trainer: pl.Trainer, task: Task) -> Mapping[str, float]:
        """See `Measurement`."""
        if self._before is None:
            return {}
        (_, before), self._before = self._before, None
        optimizer = task.optimizers(use_pl_optimizer=False)
        assert isinstance(optimizer, Optimizer)
        return sizes(before, {group["name"]: group["params"] for group in optimizer.param_groups})


def sizes(before: Mapping[str, list[Tensor]], after: Mapping[str, list[Tensor]]) -> dict[str, float]:
    """The columns of `UpdateSizes` from the weights of each group before and after a step."""
    norms = as_numbers({WEIGHT_NORM.at(name): weight_norm(old) for name, old in before.items()})
    moved = {name: old for name, old in before.items() if norms[WEIGHT_NORM.at(name)] != 0}
    ratios = {UPDATE_RATIO.at(name): update_ratio(old, after[name]) for name, old in moved.items()}
    return norms | as_numbers(ratios)
