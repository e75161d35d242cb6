"""The one stream of numbers of a run: the rows of metrics.csv and the points on the dashboard."""

import math
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, cast

import pytorch_lightning as pl
import torch
from torch.optim import Optimizer

from tuneformer.errors import Diverged
from tuneformer.measures.registry import CLIPPED_GRADIENT_NORM, GRADIENT_NORM
from tuneformer.models.peak_flops import peak_flops
from tuneformer.tasks.base import Task
from tuneformer.tasks.logged_steps import logs_step
from tuneformer.training.callbacks.measurement import measurements_of
from tuneformer.training.callbacks.tensors import full_tensor


class RunMetrics(pl.Callback):
    """Logs every trainer.log_every_n_steps optimizer steps, at the last one, and after each evaluation.

    A row of step s holds: `tokens` (or images: the unit of the data) seen; `seconds` of training,
    evaluation left out, summed over restarts; `train/loss`, the mean since the row before; `lr/<group>`
    and `weight_decay/<group>` as step s used them; `grad_norm` before clipping and, where there
    is any, `grad_norm_clipped` after it; what each `Measurement` adds; `throughput/*` since the
    row before, among them `mfu` where the device's peak is known: operations of the model a second over
    the peak of all devices for dense bfloat16, whatever the precision (arXiv 2204.02311, appendix B). A
    loss that is not finite raises Diverged on every rank alike.
    """

    def __init__(self, *, unit: str, units_per_step: int, flops_per_unit: float | None) -> None:
        self.unit = unit
        self.units_per_step = units_per_step
        self.flops_per_unit = flops_per_unit
        self.latest: dict[str, float] = {}
        self.validated_step = -1
        self._clock = TrainingClock()
        self._row_before = (0, 0.0)
        self._settings_used: dict[str, float] = {}

    @contextmanager
    def paused(self) -> Iterator[None]:
        """Leaves what is done within out of the seconds of training."""
        self._clock.stop()
        try:
            yield
        finally:
            self._clock.start()

    @property
    def seconds(self) -> float:
        """Seconds of training so far."""
        return self._clock.seconds()

    def on_train_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        self._row_before = (trainer.global_step, self._clock.seconds())
        self._clock.start()

    def on_before_optimizer_step(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, optimizer: Optimizer
    ) -> None:
        if logs_step(trainer, trainer.global_step + 1):
            self._settings_used = _group_settings(optimizer)

    def on_train_batch_end(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        step = trainer.global_step
        if step != self._row_before[0] and logs_step(trainer, step) and step_is_complete(trainer, batch_idx):
            self._log_training(trainer, cast(Task, pl_module), step)

    def on_validation_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        self._clock.stop()

    def on_validation_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        self.validated_step = trainer.global_step
        self._log_evaluation(trainer, cast(Task, pl_module), "val/")
        if trainer.state.fn == "fit":
            self._clock.start()

    def on_test_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        self._log_evaluation(trainer, cast(Task, pl_module), "test/")

    def on_train_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        self._clock.stop()

    def on_exception(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, exception: BaseException
    ) -> None:
        self._clock.stop()

    def state_dict(self) -> dict[str, Any]:
        return {
            "seconds": self._clock.seconds(),
            "latest": dict(self.latest),
            "validated_step": self.validated_step,
        }

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        self._clock = TrainingClock(already=float(state_dict["seconds"]))
        self.latest = {str(name): float(value) for name, value in state_dict["latest"].items()}
        self.validated_step = int(state_dict["validated_step"])

    def _log_training(self, trainer: pl.Trainer, task: Task, step: int) -> None:
        loss = task.running_loss.mean()
        assert loss is not None
        mean_loss = float(trainer.strategy.reduce(loss, reduce_op="mean"))
        task.running_loss.reset()
        seconds = self._clock.seconds()
        steps, elapsed = step - self._row_before[0], max(seconds - self._row_before[1], 1e-9)
        self._row_before = (step, seconds)
        row = {
            "train/loss": mean_loss,
            **self._settings_used,
            f"throughput/{self.unit}_per_second": steps * self.units_per_step / elapsed,
            "throughput/step_ms": 1e3 * elapsed / steps,
        }
        peak = peak_of(trainer)
        if peak is not None and self.flops_per_unit is not None:
            row["throughput/mfu"] = self.flops_per_unit * steps * self.units_per_step / elapsed / peak
        if task.gradient_norm is not None:
            row[GRADIENT_NORM.column] = float(full_tensor(task.gradient_norm))
        if task.clipped_gradient_norm is not None:
            row[CLIPPED_GRADIENT_NORM.column] = float(full_tensor(task.clipped_gradient_norm))
        for measurement in measurements_of(trainer):
            row |= measurement.after_step(trainer, task)
        self._log(trainer, row)
        if not math.isfinite(mean_loss):
            raise Diverged(step=step, metric="train/loss")

    def _log_evaluation(self, trainer: pl.Trainer, task: Task, prefix: str) -> None:
        row = {
            name: float(value) for name, value in trainer.callback_metrics.items() if name.startswith(prefix)
        }
        row |= {name: value for name, value in task.extra_metrics.items() if name.startswith(prefix)}
        if prefix == "val/":
            for measurement in measurements_of(trainer):
                row |= measurement.after_validation(trainer, task)
        self._log(trainer, row)
        if not math.isfinite(row.get(f"{prefix}loss", 0.0)):
            raise Diverged(step=trainer.global_step, metric=f"{prefix}loss")

    def _log(self, trainer: pl.Trainer, values: dict[str, float]) -> None:
        step = trainer.global_step
        row = {self.unit: float(step * self.units_per_step), "seconds": self._clock.seconds(), **values}
        self.latest |= {"step": float(step), **row}
        for logger in trainer.loggers:
            # Lightning numbers steps from 0; the loggers here add one again and show steps done
            logger.log_metrics(row, step=step - 1)


class TrainingClock:
    """Seconds between `start` and `stop`, summed, on top of what earlier attempts took."""

    def __init__(self, already: float = 0.0) -> None:
        self._sum = already
        self._since: float | None = None

    def start(self) -> None:
        """Goes on counting."""
        self._since = time.perf_counter()

    def stop(self) -> None:
        """Counts no further until `start`."""
        self._sum, self._since = self.seconds(), None

    def seconds(self) -> float:
        """The sum so far."""
        return self._sum if self._since is None else self._sum + time.perf_counter() - self._since


def peak_of(trainer: pl.Trainer) -> float | None:
    """Operations a second that all devices of the run could do together; None where that is not known."""
    device = trainer.strategy.root_device
    peak = peak_flops(torch.cuda.get_device_name(device)) if device.type == "cuda" else None
    return None if peak is None else peak * trainer.world_size


def step_is_complete(trainer: pl.Trainer, batch_idx: int) -> bool:
    """Whether this batch was the last part of an optimizer step."""
    return (batch_idx + 1) % trainer.accumulate_grad_batches == 0


def run_metrics_of(trainer: pl.Trainer) -> RunMetrics:
    """The stream of numbers of the run that `trainer` trains."""
    callbacks: list[pl.Callback] = getattr(trainer, "callbacks")  # noqa: B009 - Lightning declares no type for it
    return next(callback for callback in callbacks if isinstance(callback, RunMetrics))


def _group_settings(optimizer: Optimizer) -> dict[str, float]:
    settings: dict[str, float] = {}
    for group in optimizer.param_groups:
        settings[f"lr/{group['name']}"] = float(group["lr"])
        settings[f"weight_decay/{group['name']}"] = float(group.get("weight_decay", 0.0))
    return settings
