"""From the settings of a trainer to Lightning's Trainer, and to torch's process-wide switches."""

import logging
import os
import warnings
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, cast

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
from tuneformer.training.settings import TrainerSettings


def set_up_torch(settings: TrainerSettings) -> None:
    """Sets the matrix precision of this process, and quietens what Lightning says needlessly."""
    torch.set_float32_matmul_precision(settings.float32_matmul_precision)
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


def build_trainer(
    settings: TrainerSettings,
    *,
    callbacks: Sequence[pl.Callback],
    loggers: Sequence[Logger],
    folder: Path,
    launched_by: str | None,
) -> pl.Trainer:
    """Lightning's Trainer, one endless epoch of max_steps optimizer steps.

    `launched_by`: see `Launch`.

    Raises:
        UserError: the devices asked for are not there, or do not have the precision.
    """
    if settings.precision == "16-mixed" and device_type(settings.accelerator) == "cpu":
        raise UserError("trainer.precision=16-mixed needs a GPU: choose bf16-mixed or 32-true")
    try:
        trainer = pl.Trainer(
            max_steps=settings.max_steps,
            max_epochs=-1,
            val_check_interval=settings.val_check_interval * settings.accumulate_grad_batches,
            check_val_every_n_epoch=None,
            log_every_n_steps=settings.log_every_n_steps,
            gradient_clip_val=settings.gradient_clip_val,
            accumulate_grad_batches=settings.accumulate_grad_batches,
            accelerator=settings.accelerator,
            devices=settings.devices,
            num_nodes=settings.num_nodes,
            strategy=_strategy(settings),
            precision=cast(Any, settings.precision),
            deterministic=settings.deterministic,
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
            f"trainer.accelerator={settings.accelerator} trainer.devices={settings.devices}"
            f" trainer.strategy={settings.strategy} is not possible here: {_first_line(error)}"
        ) from error
    _check_cores(settings, trainer)
    trainer._checkpoint_connector = CheckpointConnector(trainer)
    return trainer


def device_type(accelerator: str) -> str:
    """The kind of device that Lightning would take for trainer.accelerator."""
    if accelerator == "cpu":
        return "cpu"
    found = torch.accelerator.current_accelerator(check_available=True)
    return "cpu" if found is None else found.type


def _strategy(settings: TrainerSettings) -> Any:
    if settings.strategy != "fsdp":
        return settings.strategy
    from tuneformer.training.sharded_strategy import ShardedStrategy

    if not isinstance(settings.devices, int):
        raise UserError(f"trainer.devices={settings.devices} must be a number with trainer.strategy=fsdp")
    return ShardedStrategy(
        data_parallel_size=settings.devices * settings.num_nodes,
        tensor_parallel_size=1,
        save_distributed_checkpoint=False,  # one file, which any number of processes loads
    )


def _check_cores(settings: TrainerSettings, trainer: pl.Trainer) -> None:
    cores = os.cpu_count() or 1
    if trainer.strategy.root_device.type == "cpu" and trainer.num_devices > cores:
        raise UserError(
            f"trainer.devices={settings.devices} is more than the {cores} CPU cores of this machine"
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
