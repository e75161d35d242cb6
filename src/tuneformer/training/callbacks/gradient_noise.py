"""How noisy the gradient is where a run stands."""

from collections.abc import Mapping
from typing import Any

import pytorch_lightning as pl
import torch
from torch import Tensor

from tuneformer.errors import UserError
from tuneformer.measures.gradients import noise_scale
from tuneformer.measures.registry import GRADIENT_SQUARE, NOISE_SCALE, NOISE_TRACE
from tuneformer.measures.weights import weight_norm
from tuneformer.models.evaluating import evaluating
from tuneformer.process.random_state import kept_random_state
from tuneformer.tasks.base import Task
from tuneformer.training.callbacks.probe_batch import ProbeMeasurement


class GradientNoise(ProbeMeasurement):
    """The simple noise scale, from gradients of the probe batch (1812.06162).

    Far above it a larger batch saves no steps. The gradients of single examples are set against their mean;
    beside it their variance, and |G|^2. The few
    examples make it a rough figure: take the mean of many validations. Left out where parameters are spread
    over devices.

    Raises:
        UserError: fewer than two examples.
    """

    def __init__(self, *, examples: int, n_tokens: int) -> None:
        if examples < 2:
            raise UserError(f"callbacks.gradient_noise.examples={examples} must be at least 2")
        super().__init__(examples=examples, n_tokens=n_tokens)

    def after_validation(self, trainer: pl.Trainer, task: Task) -> Mapping[str, float]:
        """See `Measurement`."""
        del trainer
        if self.batch is None:
            return {}
        with torch.inference_mode(False), torch.enable_grad(), kept_random_state(), evaluating(task.model):
            small, big = gradient_squares(task, self.batch)
        n = len(self.batch[0])
        noise = noise_scale(small, big, small_batch=1, big_batch=n)
        return {
            NOISE_SCALE.column: noise.examples,
            NOISE_TRACE.column: noise.trace,
            GRADIENT_SQUARE.column: noise.gradient_square,
        }


def gradient_squares(task: Task, batch: Any) -> tuple[float, float]:
    """The mean of |g|^2 over the examples of a batch, and |mean of g|^2."""
    parameters = [parameter for parameter in task.model.parameters() if parameter.requires_grad]
    n, length = batch[0].shape[:2]
    total: list[Tensor] | None = None
    squares = []
    for row in range(n):
        loss = task.loss(task.some_examples(batch, slice(row, row + 1), n_tokens=length))
        gradients = torch.autograd.grad(loss, parameters, allow_unused=True, materialize_grads=True)
        squares.append(weight_norm(gradients).square())
        total = [*gradients] if total is None else [a + b for a, b in zip(total, gradients, strict=True)]
    assert total is not None, "a batch has an example"
    return float(torch.stack(squares).mean()), float(weight_norm(total).square()) / n**2
