"""Trains a configuration under a growing rate, and puts everything back."""

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, cast

import pytorch_lightning as pl
import torch

from tuneformer.config.plain import Config
from tuneformer.data.contract import Data, PreparedData
from tuneformer.optim.schedules import geometric
from tuneformer.tasks.base import Task
from tuneformer.training.callbacks.run_metrics import step_is_complete
from tuneformer.training.dry_run import dry_run

BLOWN_UP = 1.5


@dataclass(kw_only=True)
class Sweep:
    """The rate of each optimizer step and the training loss, in nats, that it was given."""

    rates: list[float] = field(default_factory=list)
    losses: list[float] = field(default_factory=list)


def sweep_rates(
    config: Config,
    *,
    data: Data[Any],
    prepared: PreparedData,
    low: float,
    high: float,
    steps: int,
    told: Callable[[int], None],
) -> Sweep:
    """Trains with optimizer.lr growing geometrically from `low` to `high` over `steps` optimizer steps.

    On one device, from the run's own initial weights and batches; every group's rate grows alike. Ends
    early where the loss is not finite, or above BLOWN_UP times its first value. `told` hears of every
    step. Nothing remains: no file, no random state, no setting of the process.
    """
    peak = config["optimizer"]["lr"]
    growing = {
        "_target_": f"{geometric.__module__}.{geometric.__name__}",
        "_partial_": True,
        "low": low / peak,
        "high": high / peak,
    }
    config = config | {"scheduler": growing, "trainer": config["trainer"] | {"max_steps": steps}}
    watch = _LossByRate(peak=peak, told=told)
    dry_run(config, data=data, prepared=prepared, watch=watch)
    return watch.sweep


class _LossByRate(pl.Callback):
    def __init__(self, *, peak: float, told: Callable[[int], None]) -> None:
        self.sweep = Sweep()
        self._peak = peak
        self._told = told
        self._factor = math.nan

    def on_before_optimizer_step(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, optimizer: torch.optim.Optimizer
    ) -> None:
        schedule = trainer.lr_scheduler_configs[0].scheduler
        self._factor = schedule.lr_lambdas[0](schedule.last_epoch)  # pyright: ignore[reportAttributeAccessIssue]

    def on_train_batch_end(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        if not step_is_complete(trainer, batch_idx):
            return
        mean = cast(Task, pl_module).running_loss
        loss = float(cast(torch.Tensor, mean.mean()))
        mean.reset()
        self.sweep.rates.append(self._peak * self._factor)
        self.sweep.losses.append(loss)
        self._told(len(self.sweep.losses))
        if not loss < BLOWN_UP * self.sweep.losses[0]:
            trainer.should_stop = True
