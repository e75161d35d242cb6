"""A few training steps that leave nothing behind: to time them, or to see what the loss does."""

import tempfile
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytorch_lightning as pl

from tuneformer.config.plain import Config
from tuneformer.data.contract import Data, PreparedData
from tuneformer.process.random_state import kept_random_state
from tuneformer.training.assembly import build_task, build_trainer_settings
from tuneformer.training.callbacks.evaluation_weights import EvaluationWeights
from tuneformer.training.processes import restored_process
from tuneformer.training.threads import choose_threads, flops_of_part, use_threads
from tuneformer.training.trainer import build_trainer, set_up_torch


def dry_run(config: Config, *, data: Data[Any], prepared: PreparedData, watch: pl.Callback) -> None:
    """Trains trainer.max_steps optimizer steps, or until `watch` sets trainer.should_stop.

    On one device, from the run's own initial weights and batches, without validation. Nothing remains: no
    file, no random state, no setting of the process.
    """
    one_device = {"devices": 1, "num_nodes": 1, "strategy": "auto"}
    config = config | {"trainer": config["trainer"] | one_device}
    never = config["trainer"]["max_steps"] + 1
    settings = replace(build_trainer_settings(config), val_check_interval=never, log_every_n_steps=never)
    with tempfile.TemporaryDirectory() as folder, restored_process(), kept_random_state():
        set_up_torch(settings)
        task = build_task(config, prepared)
        flops = flops_of_part(task.model, config, data=data, prepared=prepared, settings=settings)
        use_threads(choose_threads(settings, flops=flops, recorded=None))
        batches = data.batches(prepared, seed=config["seed"])
        callbacks = [EvaluationWeights(None), watch]
        trainer = build_trainer(
            settings, callbacks=callbacks, loggers=[], folder=Path(folder), launched_by=None
        )
        trainer.fit(task, datamodule=batches)
