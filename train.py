"""Trains one Transformer, or with --multirun many. `python train.py --help` shows what can be set."""

import hydra
from omegaconf import DictConfig

from tuneformer.command_line import run_hydra, run_job


@hydra.main(config_path="conf", config_name="train", execution_whitelist=())
def main(config: DictConfig) -> float | None:
    """Checks the configuration, trains it, and returns its final `optimized_metric`."""
    return run_job(config)


if __name__ == "__main__":
    run_hydra(main)
