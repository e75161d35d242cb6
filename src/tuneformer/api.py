"""`tuneformer.train`: one run from Python."""

from pathlib import Path
from typing import cast

from hydra.core.hydra_config import HydraConfig
from omegaconf import DictConfig

from tuneformer.checks.config import check_single_run, checked_config
from tuneformer.config.compose import restored_hydra
from tuneformer.inference.loading import Run, load
from tuneformer.process.random_state import kept_random_state
from tuneformer.training.launch import find_launch
from tuneformer.training.start import run_directory, train


def train_overrides(overrides: list[str], config_dir: str | Path | None) -> Run:
    """See `tuneformer.train`; whatever comes of it, this process is left as it was."""
    with restored_hydra(), kept_random_state():
        return _train(overrides, config_dir)


def _train(overrides: list[str], config_dir: str | Path | None) -> Run:
    config = checked_config(overrides, config_dir)
    check_single_run(config, cast(DictConfig, HydraConfig.get()))
    directory = run_directory(config, find_launch(config["trainer"]))
    try:
        train({**config, "run_dir": str(directory)})
    finally:
        directory.discard()
    return load(directory.path, checkpoint="last")
