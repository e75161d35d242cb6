"""Averages of the weights over training steps."""

from abc import abstractmethod

import torch
from torch import Tensor, nn

from tuneformer.config.callback_facts import AVERAGE
from tuneformer.errors import UserError

Weights = dict[str, Tensor]


class WeightAverage:
    """An average over the weights after each optimizer step; a subclass says how much the newest counts.

    average <- average + share(step) (weights - average), from the weights after the first step that has a
    share; until then `weights` is None.
    """

    facts = AVERAGE

    def __init__(self) -> None:
        self.weights: Weights | None = None

    @abstractmethod
    def share(self, step: int, n_steps: int) -> float | None:
        """What the weights after optimizer step `step`, from 1, of `n_steps` count; None: nothing yet."""

    @torch.no_grad()
    def update(self, model: nn.Module, *, step: int, n_steps: int) -> None:
        """Takes in the weights after optimizer step `step`."""
        share = self.share(step, n_steps)
        new = {name: parameter.detach() for name, parameter in model.named_parameters()}
        if share is None:
            self.weights = None
        elif self.weights is None:
            self.weights = {name: weight.clone() for name, weight in new.items()}
        else:
            for name, weight in new.items():
                self.weights[name] = self.weights[name].to(weight.device).lerp_(weight, share)


class ExponentialMovingAverage(WeightAverage):
    """average <- d average + (1 - d) weights, with d = min(decay, (1 + t) / (10 + t)) at step t.

    The growing d forgets the first weights sooner (as tf.train.ExponentialMovingAverage with num_updates).
    """

    def __init__(self, *, decay: float) -> None:
        """Raises UserError unless 0 < decay < 1."""
        super().__init__()
        if not 0 < decay < 1:
            raise UserError(f"callbacks.averaging.decay={decay} must be above 0 and below 1")
        self.decay = decay

    def share(self, step: int, n_steps: int) -> float | None:
        return 1 - min(self.decay, (1 + step) / (10 + step))


class TailAverage(WeightAverage):
    """The mean of the weights after each step from the fraction `start` of the run on."""

    def __init__(self, *, start: float) -> None:
        """Raises UserError unless 0 <= start < 1."""
        super().__init__()
        if not 0 <= start < 1:
            raise UserError(f"callbacks.averaging.start={start} must be 0 or more and below 1")
        self.start = start

    def share(self, step: int, n_steps: int) -> float | None:
        first = int(self.start * n_steps) + 1
        return None if step < first else 1 / (step - first + 1)
