"""What record.json says of a run, gathered at its beginning and its end."""

import shlex
import sys
from datetime import UTC, datetime
from typing import Any, cast

import pytorch_lightning as pl
import torch

from tuneformer.callbacks.checkpoints import checkpoints_of
from tuneformer.callbacks.run_metrics import run_metrics_of
from tuneformer.data.token_files import TokenSplits
from tuneformer.models.decoder import Decoder
from tuneformer.models.size import flops_per_token, n_parameters
from tuneformer.runs.identity import config_hash
from tuneformer.runs.record import Record, git_state, host_hardware, package_versions
from tuneformer.tasks.base import Task

Config = dict[str, Any]


def first_record(config: Config, task: Task, splits: TokenSplits, trainer: pl.Trainer) -> Record:
    """All that is known before the first step."""
    return {
        "status": "running",
        "name": config["name"],
        "seed": config["seed"],
        "metrics": {"final": {}, "best": {}},
        "steps": 0,
        "tokens": 0,
        "wall_seconds": 0.0,
        "started": datetime.now(UTC).isoformat(timespec="seconds"),
        "restarts": 0,
        "error": None,
        "command": shlex.join(sys.argv),
        "search": {name: config["search"].get(name) for name in ("sampler", "trial", "study")},
        "config_hash": config_hash(config),
        "git": git_state(),
        "versions": package_versions(),
        "hardware": host_hardware() | torch_hardware(trainer),
        "model": {
            "parameters": n_parameters(task.model),
            "flops_per_token": flops_per_token(
                cast(Decoder, task.model), context_length=config["data"]["context_length"]
            ),
        },
        "data": {
            "fingerprint": splits.fingerprint,
            "tokens": {name: file.n_tokens for name, file in splits.splits.items()},
            "notes": splits.notes,
        },
    }


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


def measured(trainer: pl.Trainer, splits: TokenSplits) -> Record:
    """What the run has come to so far: steps, tokens, epochs, final and best metrics."""
    metrics = run_metrics_of(trainer)
    tokens = trainer.global_step * metrics.tokens_per_step
    return {
        "steps": trainer.global_step,
        "tokens": tokens,
        "epochs": tokens / splits.splits["train"].n_tokens,
        "train_seconds": metrics.seconds,
        "metrics": {"final": metrics.latest, "best": checkpoints_of(trainer).best},
    }
