"""Keeps a run safe: last.ckpt to go on from, best.ckpt to keep, and a clean stop on a signal."""

import os
import shutil
from pathlib import Path
from typing import Any, cast

import pytorch_lightning as pl
import torch

from tuneformer.errors import Interrupted
from tuneformer.tasks.base import Task
from tuneformer.training.callbacks.run_metrics import step_is_complete
from tuneformer.training.callbacks.run_stops import stop_of
from tuneformer.training.callbacks.stop_signals import StopSignals
from tuneformer.training.callbacks.tensors import full_tensor

LAST, PREVIOUS, BEST = "last.ckpt", "previous.ckpt", "best.ckpt"
KEPT = "step_{step}.ckpt"


class Checkpoints(pl.Callback):
    """Writes last.ckpt every `every_n_steps` optimizer steps, when a signal asks to stop, and at the end.

    The last.ckpt before it stays as previous.ckpt, for the case that the newer one is damaged. A step
    is saved once its validation, if one is due, is over: a resumed run repeats none and leaves none
    out. Every `keep_every_n_steps` (null: never) it stays as step_<n>.ckpt as well. best.ckpt holds the
    weights at the best `best_metric`, the lowest loss or the highest accuracy (null: none is kept).
    Nothing is saved once the loss or a weight is not finite. A signal in the final evaluation stops that
    at once, as all is saved by then.
    """

    def __init__(
        self, *, every_n_steps: int, keep_every_n_steps: int | None, best_metric: str | None
    ) -> None:
        self.every_n_steps = every_n_steps
        self.keep_every_n_steps = keep_every_n_steps
        self.best_metric = best_metric
        self.best: dict[str, float] = {}
        self._signals = StopSignals()
        self._saved_step = -1

    def on_train_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        self._signals.install()
        self._saved_step = trainer.global_step
        if not (checkpoint_folder(trainer) / BEST).exists():  # a branch has its trunk's state, not its files
            self.best = {}

    def on_train_batch_end(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        if step_is_complete(trainer, batch_idx) and not validation_is_due(trainer, batch_idx):
            self._save_if_due(trainer, cast(Task, pl_module))

    def on_validation_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        self._keep_best(trainer, cast(Task, pl_module))
        if trainer.state.fn == "fit":
            self._save_if_due(trainer, cast(Task, pl_module))
        else:
            self._signals.uninstall()

    def on_train_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        self._signals.uninstall()
        self._save_last(trainer, cast(Task, pl_module))

    def on_validation_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        if trainer.state.fn != "fit":
            self._signals.install()

    def on_test_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        self._signals.install()

    def on_validation_batch_end(self, trainer: pl.Trainer, *args: Any, **kwargs: Any) -> None:
        self._stop_final_evaluation(trainer)

    def on_test_batch_end(self, trainer: pl.Trainer, *args: Any, **kwargs: Any) -> None:
        self._stop_final_evaluation(trainer)

    def on_test_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        self._signals.uninstall()

    def on_exception(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, exception: BaseException
    ) -> None:
        self._signals.uninstall()

    def state_dict(self) -> dict[str, Any]:
        return {"best": dict(self.best)}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        self.best = {str(name): float(value) for name, value in state_dict["best"].items()}

    def _stop_final_evaluation(self, trainer: pl.Trainer) -> None:
        # rank 0 alone: it started the others, and ends them
        if self._signals.received and trainer.state.fn != "fit" and trainer.is_global_zero:
            raise Interrupted(step=trainer.global_step, signal_number=self._signals.received)

    def _save_if_due(self, trainer: pl.Trainer, task: Task) -> None:
        stop = self._signals.agreed(trainer)
        # before Lightning validates because of a stop: a run that goes on has no such validation behind it
        if stop or trainer.should_stop or self._is_due(trainer.global_step):
            self._save_last(trainer, task)
        if stop:
            raise Interrupted(step=trainer.global_step, signal_number=stop)

    def _is_due(self, step: int) -> bool:
        return not step % self.every_n_steps or self._stays(step)

    def _stays(self, step: int) -> bool:
        return self.keep_every_n_steps is not None and not step % self.keep_every_n_steps

    def _save_last(self, trainer: pl.Trainer, task: Task) -> None:
        if self._saved_step == trainer.global_step or not is_sound(trainer, task):
            return
        folder = checkpoint_folder(trainer)
        if trainer.is_global_zero:
            _keep_as(PREVIOUS, folder / LAST)
            for logger in trainer.loggers:
                logger.save()
        trainer.save_checkpoint(folder / LAST, weights_only=False)
        self._saved_step = trainer.global_step
        if trainer.is_global_zero and self._stays(trainer.global_step):
            _keep_as(KEPT.format(step=trainer.global_step), folder / LAST)

    def _is_better(self, task: Task, value: float) -> bool:
        metric = self.best_metric or ""
        if task.facts.higher_is_better(metric):
            return value > self.best.get(metric, float("-inf"))
        return value < self.best.get(metric, float("inf"))

    def _keep_best(self, trainer: pl.Trainer, task: Task) -> None:
        stop = stop_of(trainer)
        if stop is not None and stop.can_go_on and self._saved_step == trainer.global_step:
            return  # the checkpoint, from which the run goes on, knows nothing of this validation
        value = trainer.callback_metrics.get(self.best_metric or "")
        if value is None or not self._is_better(task, float(value)):
            return
        self.best = {name: float(metric) for name, metric in trainer.callback_metrics.items()}
        self.best["step"] = float(trainer.global_step)
        trainer.save_checkpoint(checkpoint_folder(trainer) / BEST, weights_only=True)


def checkpoints_of(trainer: pl.Trainer) -> Checkpoints:
    """What keeps the run safe that `trainer` trains."""
    callbacks: list[pl.Callback] = getattr(trainer, "callbacks")  # noqa: B009 - Lightning declares no type for it
    return next(callback for callback in callbacks if isinstance(callback, Checkpoints))


def checkpoint_folder(trainer: pl.Trainer) -> Path:
    """Where the run keeps its checkpoints."""
    return Path(trainer.default_root_dir) / "checkpoints"


def is_sound(trainer: pl.Trainer, task: Task) -> bool:
    """Whether the loss and every weight are finite; the same on every rank."""
    weights = [full_tensor(weight.detach()).isfinite().all() for weight in task.parameters()]
    sound = torch.stack(weights).all() & task.running_loss.is_finite()
    unsound = (~sound).float().to(trainer.strategy.root_device)
    return not trainer.strategy.reduce(unsound, reduce_op="max")


def validation_is_due(trainer: pl.Trainer, batch_idx: int) -> bool:
    """Whether Lightning validates after this batch."""
    every = trainer.val_check_batch
    return bool(every) and every != float("inf") and (batch_idx + 1) % int(every) == 0


def _keep_as(name: str, last: Path) -> None:
    if not last.exists():
        return
    beside = last.with_name(f".{name}.{os.getpid()}.tmp")
    beside.unlink(missing_ok=True)
    try:
        os.link(last, beside)
    except OSError:  # a file system without hard links
        shutil.copyfile(last, beside)
    beside.replace(last.with_name(name))
