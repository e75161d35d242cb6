"""How curved the loss is where a run stands."""

from collections.abc import Mapping
from typing import Any

import pytorch_lightning as pl
import torch
from torch import Tensor
from torch.optim import Optimizer

from tuneformer.measures.registry import ADAM_SHARPNESS, SHARPNESS
from tuneformer.measures.sharpness import adam_preconditioner, adam_sharpness, sharpness
from tuneformer.models.differentiable import twice_differentiable
from tuneformer.models.evaluating import evaluating
from tuneformer.process.random_state import kept_random_state
from tuneformer.tasks.base import Task
from tuneformer.training.callbacks.probe_batch import ProbeMeasurement

SEED = 0  # of the vector that Lanczos starts from


class Curvature(ProbeMeasurement):
    """Sharpness and, of Adam and its kin, that under their preconditioner, on the probe batch.

    The largest eigenvalue of the Hessian, and of the Hessian under the preconditioner: 2 / lr and 38 / lr
    are where gradient descent and Adam (b1 = 0.9) become unstable (2103.00065, 2207.14484). Measured on the
    weights that train, by at most `max_products` products with the Hessian each. Left out where parameters
    are spread over devices, or are of fewer than 32 bits.
    """

    def __init__(self, *, examples: int, n_tokens: int, max_products: int, tolerance: float) -> None:
        super().__init__(examples=examples, n_tokens=n_tokens)
        self.max_products = max_products
        self.tolerance = tolerance

    def can_measure(self, task: Task) -> bool:
        """Whether the parameters are of 32 bits at least."""
        return all(parameter.dtype.itemsize >= 4 for parameter in task.model.parameters())

    def after_validation(self, trainer: pl.Trainer, task: Task) -> Mapping[str, float]:
        """See `Measurement`."""
        if self.batch is None:
            return {}
        optimizer = trainer.optimizers[0]
        parameters = [p for group in optimizer.param_groups for p in group["params"]]
        settings = {"k": 1, "max_products": self.max_products, "tolerance": self.tolerance, "seed": SEED}
        with (
            torch.inference_mode(False),
            kept_random_state(),
            evaluating(task.model),
            twice_differentiable(task.model),
        ):
            row = {SHARPNESS.column: sharpness(self._loss(task), parameters, **settings).largest}
            preconditioner = preconditioner_of(optimizer)
            if preconditioner is not None:
                found = adam_sharpness(self._loss(task), parameters, preconditioner, **settings)
                row[ADAM_SHARPNESS.column] = found.largest
        return row

    def _loss(self, task: Task) -> Any:
        return lambda: task.loss(self.batch)


def preconditioner_of(optimizer: Optimizer) -> list[Tensor] | None:
    """Adam's diagonal for every parameter; None of an optimizer whose state is not Adam's."""
    diagonal: list[Tensor] = []
    for group in optimizer.param_groups:
        for parameter in group["params"]:
            state = optimizer.state.get(parameter, {})
            moment = state.get("exp_avg_sq")
            if (
                moment is None
                or moment.shape != parameter.shape
                or not ("betas" in group and "step" in state)
            ):
                return None
            beta1, beta2 = group["betas"]
            step = int(state["step"])
            diagonal.append(
                adam_preconditioner(moment, step=step, beta1=beta1, beta2=beta2, eps=group["eps"])
            )
    return diagonal
