"""conf/trainer: from settings to Lightning's Trainer and to torch's process-wide switches."""

import logging
import os
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, cast

import pytorch_lightning as pl
import torch
from lightning_fabric.plugins.environments.cluster_environment import ClusterEnvironment
from lightning_fabric.plugins.environments.lightning import LightningEnvironment
from lightning_fabric.utilities.exceptions import MisconfigurationException
from lightning_fabric.utilities.warnings import PossibleUserWarning
from pytorch_lightning.loggers.logger import Logger
from pytorch_lightning.plugins.io import TorchCheckpointIO

from tuneformer.errors import UserError
from tuneformer.runs.checkpoint_keys import ORIGIN
from tuneformer.runs.files import write_whole
from tuneformer.training.processes import LIGHTNING_LOGGERS
from tuneformer.training.restoring import CheckpointConnector


@dataclass(frozen=True, kw_only=True)
class TrainerSettings:
    """The settings of conf/trainer, under Lightning's names; each is explained there."""

    max_steps: int
    val_check_interval: int
    log_every_n_steps: int
    gradient_clip_val: float | None
    accumulate_grad_batches: int
    accelerator: str
    devices: int | str
    num_nodes: int
    strategy: str
    precision: str
    float32_matmul_precision: Literal["highest", "high", "medium"]
    compile: bool
    threads: int | None
    deterministic: bool

    def set_up_torch(self) -> None:
        """Sets the matrix precision of this process, and quietens what Lightning says needlessly."""
        torch.set_float32_matmul_precision(self.float32_matmul_precision)
        for name in LIGHTNING_LOGGERS:
            logging.getLogger(name).setLevel(logging.WARNING)
        # reading batches takes microseconds here: worker processes would only slow it down
        warnings.filterwarnings("ignore", ".*does not have many workers.*", PossibleUserWarning)
        # each worker takes its own share of the batches, so that the length is right
        warnings.filterwarnings("ignore", ".*`IterableDataset` has `__len__` defined.*")
        # the metrics have been summed over ranks when they are logged
        warnings.filterwarnings("ignore", ".*sync_dist=True.*", PossibleUserWarning)
        warnings.filterwarnings("ignore", ".*LeafSpec.*", FutureWarning)
        # a run beside a cluster's commands, and not through them, is meant
        warnings.filterwarnings("ignore", ".*`srun` command is available.*", PossibleUserWarning)

    def build(
        self,
        *,
        callbacks: Sequence[pl.Callback],
        loggers: Sequence[Logger],
        folder: Path,
        launched_by: str | None,
    ) -> pl.Trainer:
        """Lightning's Trainer, one endless epoch of max_steps optimizer steps.

        `launched_by`: see `Launch`.

        Raises:
            UserError: the devices asked for are not there.
        """
        try:
            trainer = pl.Trainer(
                max_steps=self.max_steps,
                max_epochs=-1,
                val_check_interval=self.val_check_interval * self.accumulate_grad_batches,
                check_val_every_n_epoch=None,
                log_every_n_steps=self.log_every_n_steps,
                gradient_clip_val=self.gradient_clip_val,
                accumulate_grad_batches=self.accumulate_grad_batches,
                accelerator=self.accelerator,
                devices=self.devices,
                num_nodes=self.num_nodes,
                strategy=self._strategy(),
                precision=cast(Any, self.precision),
                deterministic=self.deterministic,
                callbacks=list(callbacks),
                logger=list(loggers),
                plugins=[WholeCheckpointIO(), *_environment(launched_by)],
                default_root_dir=folder,
                num_sanity_val_steps=0,
                use_distributed_sampler=False,
                enable_checkpointing=False,
                enable_progress_bar=False,
                enable_model_summary=False,
            )
        except (MisconfigurationException, ModuleNotFoundError, RuntimeError, ValueError) as error:
            raise UserError(
                f"trainer.accelerator={self.accelerator} trainer.devices={self.devices}"
                f" trainer.strategy={self.strategy} is not possible here: {_first_line(error)}"
            ) from error
        self._check_cores(trainer)
        trainer._checkpoint_connector = CheckpointConnector(trainer)
        return trainer

    def _strategy(self) -> Any:
        if self.strategy != "fsdp":
            return self.strategy
        from tuneformer.training.sharded_strategy import ShardedStrategy

        if not isinstance(self.devices, int):
            raise UserError(f"trainer.devices={self.devices} must be a number with trainer.strategy=fsdp")
        return ShardedStrategy(
            data_parallel_size=self.devices * self.num_nodes,
            tensor_parallel_size=1,
            save_distributed_checkpoint=False,  # one file, which any number of processes loads
        )

    @property
    def processes(self) -> int:
        """The processes that share the CPU cores of this machine."""
        return self.devices if isinstance(self.devices, int) and self.accelerator in ("auto", "cpu") else 1

    def _check_cores(self, trainer: pl.Trainer) -> None:
        cores = os.cpu_count() or 1
        if trainer.strategy.root_device.type == "cpu" and trainer.num_devices > cores:
            raise UserError(
                f"trainer.devices={self.devices} is more than the {cores} CPU cores of this machine"
            )


class WholeCheckpointIO(TorchCheckpointIO):
    """Writes a checkpoint whole or not at all; the one before survives a full disk or a kill.

    `origin` gives what each shall say of the run that it is of.
    """

    def __init__(self) -> None:
        super().__init__()
        self.origin: Callable[[], dict[str, Any]] | None = None

    def save_checkpoint(
        self, checkpoint: dict[str, Any], path: Any, storage_options: Any | None = None
    ) -> None:
        target = Path(path)
        try:
            target.parent.mkdir(parents=True, exist_ok=True)
            said = {} if self.origin is None else {ORIGIN: self.origin()}
            write_whole(target, lambda file: torch.save({**checkpoint, **said}, file))
        except (OSError, RuntimeError) as error:
            reason = error.__context__ if isinstance(error, RuntimeError) and error.__context__ else error
            raise UserError(
                f"{target} cannot be written at step {checkpoint['global_step']}: {reason};"
                " what it held before is kept"
            ) from error


def _environment(launched_by: str | None) -> list[ClusterEnvironment]:
    """What Lightning takes ranks from, where it is not to look for that itself."""
    # it would take the allocation around a process for the launcher of it
    return [] if launched_by in ("torchrun", "srun") else [LightningEnvironment()]


def _first_line(error: Exception) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0]


def available_cores() -> int:
    """The CPU cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
