"""In how many directions the weights are large, and how fast they can turn."""

from collections.abc import Mapping
from statistics import fmean

import pytorch_lightning as pl
import torch

from tuneformer.measures.registry import EFFECTIVE_LR, STABLE_RANK
from tuneformer.measures.weights import effective_lr_of_unit_updates, stable_rank, weight_norm
from tuneformer.models.parts import parameters_by_part
from tuneformer.tasks.base import Task
from tuneformer.training.callbacks.measurement import Measurement
from tuneformer.training.callbacks.tensors import full_tensor


class WeightSpectra(Measurement):
    """The mean stable rank of the matrices of a part, and the effective rate of a group, lr / |W|.

    Parts: `parameters_by_part`, of what trains. A singular value decomposition of every matrix at each
    validation.
    """

    @torch.no_grad()
    def after_validation(self, trainer: pl.Trainer, task: Task) -> Mapping[str, float]:
        """See `Measurement`."""
        row: dict[str, float] = {}
        for part, parameters in parameters_by_part(task.model).items():
            ranks = [
                stable_rank(full_tensor(p.detach()).flatten(1))
                for p in parameters
                if p.dim() >= 2 and p.requires_grad
            ]
            if ranks:
                row[STABLE_RANK.at(part)] = fmean(ranks)
        for group in trainer.optimizers[0].param_groups:
            norm = float(full_tensor(weight_norm(group["params"])))
            if norm > 0:
                row[EFFECTIVE_LR.at(group["name"])] = effective_lr_of_unit_updates(float(group["lr"]), norm)
        return {name: value for name, value in row.items() if value == value}
