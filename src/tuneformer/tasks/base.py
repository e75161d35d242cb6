"""What every task shares: the optimizer and its schedule, clipping, random state, the running loss."""

from abc import ABC, abstractmethod
from collections.abc import Callable
from functools import partial
from typing import Any, cast

import pytorch_lightning as pl
import torch
from torch import Tensor, nn
from torch.distributed.fsdp import fully_shard
from torch.distributed.tensor import DTensor
from torch.optim import Optimizer

from tuneformer.data.contract import PreparedData
from tuneformer.data.task_facts import TaskFacts
from tuneformer.data.tokenizers.tokenizer import Tokenizer
from tuneformer.models.differentiable import twice_differentiable
from tuneformer.models.parts import layers_of
from tuneformer.optim.build import build_optimizer, build_schedule
from tuneformer.optim.hutchinson import hessian_taker, hutchinson_diagonal
from tuneformer.optim.param_groups import ParamGroups
from tuneformer.optim.schedules import Schedule
from tuneformer.optim.take_over import take_over
from tuneformer.process.random_state import set_random_state
from tuneformer.runs.checkpoint_keys import EVALUATION_WEIGHTS
from tuneformer.tasks.logged_steps import logs_step
from tuneformer.tasks.metric import TaskMetric
from tuneformer.tasks.running_mean import RunningMean

# What a random state is for: a batch draws per rank, an optimizer must draw the same on every rank.
FOR_BATCH, FOR_OPTIMIZER = 0, 1


class Task(pl.LightningModule, ABC):
    """A model, a loss and how to lower it. A subclass gives `loss` and the metric of a split.

    The loss of one optimizer step is the mean over data.batch_size examples: over the parts of an
    accumulation and over devices it is averaged, never summed.
    """

    facts: TaskFacts
    """What is true of it, as the data told that ask for it."""
    tokenizer: Tokenizer | None = None
    """What turns text into the model's tokens, where the model can continue a text."""

    def __init__(
        self,
        *,
        model: nn.Module,
        optimizer: partial[Optimizer],
        param_groups: ParamGroups,
        schedule: Schedule,
        seed: int,
        prepared: PreparedData,
    ) -> None:
        super().__init__()
        self.model = model
        self.seed = seed
        self._optimizer_factory = optimizer
        self._param_groups = param_groups
        self._schedule = schedule
        self.running_loss = RunningMean()
        self.weights_to_evaluate: Callable[[], dict[str, Tensor] | None] = _those_that_train
        """The parameters of `model` to evaluate, where they are not those that train."""
        self.extra_metrics: dict[str, float] = {}
        """What a callback measured in an evaluation, for the row of that evaluation."""
        self.result_files: dict[str, str] = {}
        """What the test gave beside its figures: files for the run directory, name -> content."""
        self.validation_metric = self.metric(prepared, split="validation")
        self.test_metric = self.metric(prepared, split="test")
        self.kept_optimizer: dict[str, Any] | None = None
        """The state of another run's optimizer, which this one begins with."""
        self._counted_batch = -1
        self._batch: Any = None
        self.gradient_norm: Tensor | None = None
        self.clipped_gradient_norm: Tensor | None = None
        self.use(prepared)

    def use(self, prepared: Any) -> None:
        """Keep what the task needs of its data while it trains."""

    @classmethod
    @abstractmethod
    def metric(cls, prepared: Any, *, split: str) -> TaskMetric:
        """What measures a split ("train", "validation", "test") of the data, all its sums still empty."""

    @classmethod
    @abstractmethod
    def model_inputs(cls, batch: Any) -> tuple[Tensor | None, ...]:
        """What the model is called with for a batch."""

    @classmethod
    def some_examples(cls, batch: Any, rows: slice, *, n_tokens: int) -> Any:
        """Some examples of a batch; of a text that is scored throughout, the first tokens of each."""
        del n_tokens
        return type(batch)(*(part[rows] for part in batch))

    @abstractmethod
    def loss(self, batch: Any) -> Tensor:
        """The mean loss of a batch, that which training lowers."""

    def configure_model(self) -> None:
        """Under trainer.strategy=fsdp, spreads every parameter over the devices, block by block."""
        if self.device_mesh is None or isinstance(next(self.model.parameters()), DTensor):
            return
        mesh = self.device_mesh["data_parallel"]
        for layer in layers_of(self.model):
            fully_shard(layer.module, mesh=mesh)
        fully_shard(self.model, mesh=mesh)

    def configure_optimizers(self) -> Any:
        """One optimizer over the named parameter groups, and its schedule per step over trainer.max_steps."""
        optimizer = self.build_optimizer()
        if self.kept_optimizer is not None:
            take_over(optimizer, self.kept_optimizer, self._optimizer_factory.keywords)
        schedule = build_schedule(optimizer, self._schedule, self.trainer.max_steps)
        return {"optimizer": optimizer, "lr_scheduler": {"scheduler": schedule, "interval": "step"}}

    def build_optimizer(self) -> Optimizer:
        """A new optimizer over the parameters as they are now."""
        return build_optimizer(self.model, self._optimizer_factory, self._param_groups)

    def training_step(self, batch: Any, batch_idx: int) -> Tensor:
        set_random_state(self.seed, FOR_BATCH, batch_idx, self.global_rank)
        loss = self.loss(batch)
        if batch_idx != self._counted_batch:  # an optimizer may ask for a batch more than once
            self.running_loss.add(loss)
            self._counted_batch = batch_idx
        self._batch = batch
        return loss

    def validation_step(self, batch: Any, batch_idx: int) -> None:
        self.validation_metric.score(self.model, batch)

    def on_validation_epoch_end(self) -> None:
        self._publish("val", self.validation_metric)

    def test_step(self, batch: Any, batch_idx: int) -> None:
        self.test_metric.score(self.model, batch)

    def on_test_epoch_end(self) -> None:
        with self.test_metric.sync_context():  # the sums of all ranks
            self.result_files = self.test_metric.files()
        self._publish("test", self.test_metric)

    @torch.no_grad()
    def evaluate_again(self, split: str) -> float:
        """The loss of the model's present weights on the split ("val", "test") just evaluated."""
        metric = self.validation_metric if split == "val" else self.test_metric
        loaders = self.trainer.val_dataloaders if split == "val" else self.trainer.test_dataloaders
        was_training = self.training
        self.eval()
        assert loaders is not None
        for batch in loaders:
            here = self.trainer.strategy.batch_to_device(batch)
            with self.trainer.precision_plugin.forward_context():
                metric.score(self.model, here)
        self.train(was_training)
        loss = float(metric.compute()["loss"])
        metric.reset()
        return loss

    def _publish(self, split: str, metric: TaskMetric) -> None:
        values = {f"{split}/{name}": value for name, value in metric.compute().items()}
        # callback_metrics only: RunMetrics writes them, with the number of the step they belong to
        self.log_dict(values, logger=False)
        metric.reset()

    def on_before_optimizer_step(self, optimizer: Optimizer) -> None:
        set_random_state(self.seed, FOR_OPTIMIZER, self.global_step)
        taker = hessian_taker(optimizer)
        if taker is not None:
            taker.take_hessian(self._hessian_diagonal(optimizer))
            set_random_state(self.seed, FOR_OPTIMIZER, self.global_step)

    def _hessian_diagonal(self, optimizer: Optimizer) -> dict[Tensor, Tensor]:
        """Hutchinson's estimate on the batch of this step, the mean over devices."""
        parameters = [p for group in optimizer.param_groups for p in group["params"]]
        with twice_differentiable(self.model), self.trainer.precision_plugin.forward_context():
            diagonal = hutchinson_diagonal(self.loss(self._batch), parameters)
        if self.trainer.world_size > 1:
            for estimate in diagonal.values():
                torch.distributed.all_reduce(estimate)
                estimate.div_(self.trainer.world_size)
        return diagonal

    def configure_gradient_clipping(
        self,
        optimizer: Optimizer,
        gradient_clip_val: int | float | None = None,
        gradient_clip_algorithm: str | None = None,
    ) -> None:
        """Scales the gradient to a global norm of at most trainer.gradient_clip_val; keeps the norms."""
        logged = logs_step(self.trainer, self.global_step + 1)
        if gradient_clip_val is None and not logged:
            return
        parameters = [p for group in optimizer.param_groups for p in group["params"] if p.grad is not None]
        gradients = [cast(Tensor, p.grad) for p in parameters]
        self.gradient_norm = nn.utils.get_total_norm(gradients)
        if gradient_clip_val is not None:
            nn.utils.clip_grads_with_norm_(parameters, float(gradient_clip_val), self.gradient_norm)
            if logged:
                self.clipped_gradient_norm = nn.utils.get_total_norm(gradients)

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        checkpoint["running_loss"] = self.running_loss.states(self.trainer.world_size, self.device)
        weights = self.weights_to_evaluate()
        if weights is not None:
            checkpoint[EVALUATION_WEIGHTS] = weights

    def on_load_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        # Lightning loads the weights first and converts the model afterwards: doubles would go through floats
        self.trainer.precision_plugin.convert_module(self)
        scale = _count_parts_of_steps(checkpoint, self.trainer.accumulate_grad_batches)
        states: list[list[float]] = checkpoint["running_loss"]
        self.running_loss.restore_rank(states, self.global_rank, self.trainer.world_size, scale=scale)


def _those_that_train() -> None:
    return None


def _count_parts_of_steps(checkpoint: dict[str, Any], accumulate: int) -> float:
    # Lightning counts batches. In a run that goes on with another accumulation each count would be that
    # of another step, and a step would end in the middle of a global batch.
    progress = checkpoint["loops"]["fit_loop"]["epoch_loop.batch_progress"]
    before, now = progress["total"]["ready"], checkpoint["global_step"] * accumulate
    for counts in (progress["total"], progress["current"]):
        for name in counts:
            counts[name] += now - before
    return now / before
