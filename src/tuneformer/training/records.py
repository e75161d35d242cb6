"""What record.json says of a run, gathered at its beginning and its end."""

import shlex
import sys
from datetime import UTC, datetime
from typing import Any

import pytorch_lightning as pl
import torch

from tuneformer.callbacks.checkpoints import checkpoints_of
from tuneformer.callbacks.run_metrics import run_metrics_of
from tuneformer.data.contract import PreparedData
from tuneformer.models.decoder import Decoder
from tuneformer.models.size import flops_per_token, n_parameters
from tuneformer.runs.identity import config_hash
from tuneformer.runs.record import Record, git_state, host_hardware, package_versions
from tuneformer.tasks.base import Task

Config = dict[str, Any]


def first_record(
    config: Config, task: Task, unit: str, prepared: PreparedData, trainer: pl.Trainer
) -> Record:
    """All that is known before the first step."""
    return {
        "status": "running",
        "name": config["name"],
        "seed": config["seed"],
        "metrics": {"final": {}, "best": {}},
        "steps": 0,
        unit: 0,
        "wall_seconds": 0.0,
        "started": datetime.now(UTC).isoformat(timespec="seconds"),
        "restarts": 0,
        "error": None,
        "command": shlex.join(sys.argv),
        "config_hash": config_hash(config),
        "git": git_state(),
        "versions": package_versions(),
        "hardware": host_hardware() | torch_hardware(trainer),
        "model": {
            "parameters": n_parameters(task.model),
            "flops_per_token": _flops_per_token(task, config),
        },
        "data": {
            "task": config["data"]["task"],
            "fingerprint": prepared.fingerprint,
            "unit": unit,
            unit: prepared.counts,
            "optimum": prepared.optimum,
            "notes": prepared.notes,
            "kept": sorted(prepared.kept),
        },
    }


def _flops_per_token(task: Task, config: Config) -> float | None:
    if not isinstance(task.model, Decoder):
        return None
    return flops_per_token(task.model, context_length=config["data"]["context_length"])


def torch_hardware(trainer: pl.Trainer) -> dict[str, Any]:
    """The devices that a run trains on; bits are equal only where these are."""
    device = trainer.strategy.root_device
    name = torch.cuda.get_device_name(device) if device.type == "cuda" else device.type
    return {
        "device": name,
        "devices": trainer.world_size,
        "threads": torch.get_num_threads(),
        "strategy": type(trainer.strategy).__name__,
        "precision": str(trainer.precision),
    }


def measured(trainer: pl.Trainer, prepared: PreparedData) -> Record:
    """What the run has come to so far: steps, units (as tokens), epochs, final and best metrics.

    `epochs` is None where examples are generated without end.
    """
    metrics = run_metrics_of(trainer)
    seen = trainer.global_step * metrics.units_per_step
    n_train = prepared.counts["train"]
    return {
        "steps": trainer.global_step,
        metrics.unit: seen,
        "epochs": seen / n_train if n_train else None,
        "train_seconds": metrics.seconds,
        "metrics": {"final": metrics.latest, "best": checkpoints_of(trainer).best},
    }
