"""Trains one Transformer, or with --multirun many."""

import hydra
from omegaconf import DictConfig

from tuneformer.cli.command_line import run_command, run_hydra, run_job
from tuneformer.config.registry import SHIPPED


@hydra.main(config_path=str(SHIPPED), config_name="train", execution_whitelist=())
def job(config: DictConfig) -> float | None:
    """Checks the configuration, trains it, and returns its final `optimized_metric`."""
    return run_job(config)


def main() -> None:
    run_hydra(job)


if __name__ == "__main__":  # so Lightning starts the other ranks of a run
    run_command(main)
