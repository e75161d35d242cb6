"""What a training step through train.py costs over the same step in a plain loop."""

import tempfile
from pathlib import Path
from statistics import median
from typing import Any

from tuneformer.benchmarks.plain_loop import seconds_per_step
from tuneformer.checks import check_config
from tuneformer.config.compose import compose_config
from tuneformer.runs.metrics_file import read_rows
from tuneformer.training.start import train

Config = dict[str, Any]

SIZES = {
    "default": ["trainer.max_steps=90"],
    "very small": ["model.n_layers=2", "model.d_model=32", "trainer.max_steps=300"],
}
# by then W&B has started beside the run, once, and threads and caches are warm
SKIPPED_STEPS = 40


def measure_step_time(size: str, *, repeats: int) -> dict[str, float]:
    """Milliseconds of a step, framework and plain loop in turn, medians of `repeats`, and their ratio."""
    overrides = ["trainer.val_check_interval=100000", "callbacks=none", "data.max_validation_bytes=2000"]
    framework, plain = [], []
    for _ in range(repeats):
        with tempfile.TemporaryDirectory() as folder:
            config = check_config(*compose_config([*overrides, *SIZES[size], f"run_dir={folder}/run"]))
            framework.append(_framework_seconds(config))
        plain.append(seconds_per_step(config, skip=SKIPPED_STEPS))
    return {
        "framework_ms": 1e3 * median(framework),
        "plain_ms": 1e3 * median(plain),
        "ratio": median(a / b for a, b in zip(framework, plain, strict=True)),
    }


def _framework_seconds(config: Config) -> float:
    train(config)
    rows = {row["step"]: row for row in read_rows(Path(config["run_dir"]) / "metrics.csv")}
    first, last = SKIPPED_STEPS, config["trainer"]["max_steps"]
    return (rows[last]["seconds"] - rows[first]["seconds"]) / (last - first)
