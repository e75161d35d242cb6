"""What a training step through train.py costs over the same step in a plain loop."""

import tempfile
from pathlib import Path

from benchmarks.in_turn import InTurn, in_turn
from benchmarks.plain_loop import seconds_per_step
from tuneformer.checks.config import check_config
from tuneformer.config.compose import compose_config
from tuneformer.config.plain import Config
from tuneformer.runs.metrics_file import read_rows
from tuneformer.training.start import train

SIZES = {
    "default": ["trainer.max_steps=90"],
    "very small": ["model.n_layers=2", "model.d_model=32", "trainer.max_steps=300"],
}
# by then W&B has started beside the run, once, and threads and caches are warm
SKIPPED_STEPS = 40


def measure_step_time(size: str, *, repeats: int) -> InTurn:
    """Milliseconds of a step, in the framework and in a plain loop."""
    overrides = ["trainer.val_check_interval=100000", "callbacks=none", "data.max_validation_bytes=2000"]

    def composed(folder: str) -> Config:
        return check_config(*compose_config([*overrides, *SIZES[size], f"run_dir={folder}/run"]))

    def framework() -> float:
        with tempfile.TemporaryDirectory() as folder:
            return 1e3 * _framework_seconds(composed(folder))

    def plain() -> float:
        return 1e3 * seconds_per_step(composed("unused"), skip=SKIPPED_STEPS)

    return in_turn(framework, plain, repeats=repeats)


def _framework_seconds(config: Config) -> float:
    train(config)
    rows = {row["step"]: row for row in read_rows(Path(config["run_dir"]) / "metrics.csv")}
    first, last = SKIPPED_STEPS, config["trainer"]["max_steps"]
    return (rows[last]["seconds"] - rows[first]["seconds"]) / (last - first)
