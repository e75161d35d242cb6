"""Which weights are validated, tested and kept as the result."""

from functools import partial
from typing import Any, cast

import pytorch_lightning as pl
import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from tuneformer.optim.wrapped import innermost
from tuneformer.runs.checkpoint_keys import EVALUATION_WEIGHTS
from tuneformer.tasks.base import Task
from tuneformer.training.callbacks.averaging import WeightAverage, Weights
from tuneformer.training.callbacks.run_metrics import step_is_complete


class EvaluationWeights(pl.Callback):
    """Puts the weights to evaluate into the model for every validation and test, and takes them out again.

    They are the average of the run (`averaging`), or what the optimizer gives by `eval()`, or else the
    weights that train. After an evaluation these are back to the bit, so that evaluating changes nothing.
    A checkpoint's state_dict is always the weights that train; those to evaluate stand beside it. With an
    average the loss of the last weights is logged too, as `<split>/last_weights_loss`.
    """

    def __init__(self, averaging: WeightAverage | None) -> None:
        self.averaging = averaging
        self._training_weights: Weights | None = None
        self._final: Weights | None = None

    def setup(self, trainer: pl.Trainer, pl_module: pl.LightningModule, stage: str) -> None:
        # best.ckpt, which holds no callback's state, is written without asking callbacks
        task = cast(Task, pl_module)
        task.weights_to_evaluate = partial(self._weights_now, trainer, task.model)

    def on_train_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        optimizer = own_weights_optimizer(trainer)
        if optimizer is not None:
            optimizer.train()

    def on_train_batch_end(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        if self.averaging is not None and step_is_complete(trainer, batch_idx):
            self.averaging.update(model_of(pl_module), step=trainer.global_step, n_steps=trainer.max_steps)

    def on_train_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        # the optimizer may be taken apart before the final evaluation
        self._final = self._weights_now(trainer, model_of(pl_module))

    def on_validation_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        self._put_in(trainer, model_of(pl_module))

    def on_test_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        self._put_in(trainer, model_of(pl_module))

    def on_validation_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        self._take_out(trainer, cast(Task, pl_module), "val")

    def on_test_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        self._take_out(trainer, cast(Task, pl_module), "test")

    def on_load_checkpoint(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, checkpoint: dict[str, Any]
    ) -> None:
        if self.averaging is not None:
            saved: Weights | None = checkpoint.get(EVALUATION_WEIGHTS)
            self.averaging.weights = saved and {name: weight.clone() for name, weight in saved.items()}

    def _weights_now(self, trainer: pl.Trainer, model: nn.Module) -> Weights | None:
        if self.averaging is not None:
            return self.averaging.weights
        optimizer = own_weights_optimizer(trainer)
        if optimizer is None:
            return None
        before = _copies(model)
        optimizer.eval()
        weights = _copies(model)
        optimizer.train()
        _write(model, before)  # train() undoes eval() but for rounding
        return weights

    def _put_in(self, trainer: pl.Trainer, model: nn.Module) -> None:
        after_training = trainer.state.fn != "fit" and self._final is not None
        weights = self._final if after_training else self._weights_now(trainer, model)
        if weights is not None:
            self._training_weights = _copies(model)
            _write(model, weights)

    def _take_out(self, trainer: pl.Trainer, task: Task, split: str) -> None:
        if self._training_weights is None:
            return
        _write(model_of(task), self._training_weights)
        self._training_weights = None
        if self.averaging is not None:
            task.extra_metrics[f"{split}/last_weights_loss"] = task.evaluate_again(split)


def model_of(task: pl.LightningModule) -> nn.Module:
    """The model that a task trains."""
    return cast(Task, task).model


def own_weights_optimizer(trainer: pl.Trainer) -> Any:
    """The optimizer, if it evaluates other weights than it trains; else None."""
    optimizer = innermost(trainer.optimizers[0]) if trainer.optimizers else None
    return optimizer if averages_by_itself(optimizer) else None


def averages_by_itself(optimizer: Optimizer | None) -> bool:
    """Whether the optimizer evaluates other weights than it trains."""
    return hasattr(optimizer, "eval") and hasattr(optimizer, "train")


def _copies(model: nn.Module) -> Weights:
    # an inference tensor could not be averaged into later
    with torch.inference_mode(False):
        return {name: parameter.detach().clone() for name, parameter in model.named_parameters()}


@torch.no_grad()
def _write(model: nn.Module, weights: dict[str, Tensor]) -> None:
    for name, parameter in model.named_parameters():
        parameter.copy_(weights[name])
