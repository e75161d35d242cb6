"""What record.json says of a run, gathered at its beginning and its end."""

import shlex
from datetime import UTC, datetime
from typing import Any

import pytorch_lightning as pl
import torch
from torch import nn

from tuneformer.config.compose import chosen_options
from tuneformer.config.plain import Config, Settings
from tuneformer.data.contract import PreparedData
from tuneformer.errors import UserError
from tuneformer.models.size import (
    CountsFlops,
    flops_per_example,
    flops_per_token,
    n_parameters,
    n_trained_parameters,
)
from tuneformer.process.invocation import typed_command
from tuneformer.runs.directory import RunDirectory
from tuneformer.runs.identity import config_hash
from tuneformer.runs.provenance import git_state, host_hardware, own_sources, package_versions
from tuneformer.runs.record import RunRecord
from tuneformer.tasks.base import Task
from tuneformer.training.callbacks.checkpoints import checkpoints_of
from tuneformer.training.callbacks.run_metrics import run_metrics_of


def first_record(
    config: Config, task: Task, unit: str, prepared: PreparedData, trainer: pl.Trainer
) -> RunRecord:
    """All that is known before the first step."""
    return RunRecord(
        status="running",
        name=config["name"],
        seed=config["seed"],
        options=chosen_options(),
        metrics={"final": {}, "best": {}},
        steps=0,
        wall_seconds=0.0,
        started=datetime.now(UTC).isoformat(timespec="seconds"),
        restarts=0,
        command=shlex.join(typed_command()),
        search=of_search(config["search"]),
        config_hash=config_hash(config),
        git=git_state(),
        versions=package_versions() | own_sources(config),
        hardware=host_hardware() | torch_hardware(trainer),
        model=model_size(task.model, config, prepared),
        signatures=task.test_metric.signatures(),
        data={
            "task": config["data"]["task"],
            "fingerprint": prepared.fingerprint,
            "unit": unit,
            unit: prepared.counts,
            "optimum": prepared.optimum,
            "references": prepared.references,
            "notes": prepared.notes,
            "kept": sorted(prepared.kept),
        },
    )


def of_search(settings: Settings) -> dict[str, str | int | None]:
    """What a record says of the search that its run is a trial of; the role of a question's trial alone."""
    names = ("sampler", "trial", "study", *(["role"] if settings.get("role") else []))
    return {name: settings.get(name) for name in names}


def with_kept_search(config: Config, directory: RunDirectory) -> Config:
    """The configuration with the search that the run in `directory` is a trial of, where it names none now.

    A trial that goes on by itself stays the trial of its study.
    """
    if config["search"].get("trial") is not None:
        return config
    try:
        before = directory.read_config().get("search", {})
    except UserError:
        return config
    return config | {"search": before} if before.get("trial") is not None else config


def model_size(model: nn.Module, config: Config, prepared: PreparedData) -> dict[str, float | None]:
    """Parameters, and the operations of training on a token (or patch) and on an example.

    Those are None of a model that does not count them, and as if everything trained. How many parameters
    train is said where some are frozen.
    """
    size: dict[str, float | None] = {"parameters": n_parameters(model)}
    trained = n_trained_parameters(model)
    if trained < n_parameters(model):
        size["trained_parameters"] = trained
    if not isinstance(model, CountsFlops):
        return size | {"flops_per_token": None, "flops_per_example": None}
    n_tokens = prepared.mean_tokens or config["data"].get("context_length") or 0
    return size | {
        "flops_per_token": flops_per_token(model, context_length=n_tokens),
        "flops_per_example": flops_per_example(model, n_tokens=n_tokens),
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


def measured(trainer: pl.Trainer, prepared: PreparedData) -> dict[str, Any]:
    """What the run has come to so far: steps, what it has seen, epochs, final and best metrics.

    `epochs` is None where examples are generated without end.
    """
    metrics = run_metrics_of(trainer)
    seen, seconds = trainer.global_step * metrics.units_per_step, metrics.seconds
    n_train = prepared.counts["train"]
    of_tokens = metrics.unit == "tokens" and seconds > 0
    return {
        "steps": trainer.global_step,
        "seen": seen,
        "epochs": seen / n_train if n_train else None,
        "train_seconds": seconds,
        "tokens_per_second": seen / seconds if of_tokens else None,
        "metrics": {"final": metrics.latest, "best": checkpoints_of(trainer).best},
    }
