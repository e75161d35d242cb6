"""What share of a run's time goes into measuring it."""

import tempfile
import time
from collections.abc import Callable
from functools import wraps
from pathlib import Path
from statistics import median
from typing import Any

from tuneformer.checks.config import check_config
from tuneformer.config.compose import compose_config
from tuneformer.runs.record import read_record
from tuneformer.training import run as run_module
from tuneformer.training.callbacks.measurement import Measurement
from tuneformer.training.start import train

HOOKS = (
    "on_train_start",
    "on_before_optimizer_step",
    "on_validation_start",
    "after_step",
    "after_validation",
)


def measure_diagnostics(option: str, *, repeats: int) -> dict[str, float]:
    """Percent of the seconds of training that the measurements of callbacks=`option` take; the median.

    The default model, at the cadences of its defaults, whole runs. What their hooks take is all that they
    cost: training is otherwise the same to the last bit.
    """
    shares, seconds = [], []
    for _ in range(repeats):
        with tempfile.TemporaryDirectory() as folder:
            overrides = [f"callbacks={option}", "logger=none", f"run_dir={folder}/run"]
            spent, trained = _timed(check_config(*compose_config(overrides)))
        shares.append(100 * spent / trained)
        seconds.append(spent)
    return {"percent": median(shares), "seconds": median(seconds)}


def _timed(config: dict[str, Any]) -> tuple[float, float]:
    """Seconds in hooks of measurements, and seconds of training, validation left out."""
    clock = {"spent": 0.0}
    build = run_module.build_callbacks

    def build_timed(*arguments: Any, **settings: Any) -> Any:
        callbacks = build(*arguments, **settings)
        for callback in callbacks:
            if isinstance(callback, Measurement):
                for hook in HOOKS:
                    setattr(callback, hook, _counted(getattr(callback, hook), clock))
        return callbacks

    run_module.build_callbacks = build_timed
    try:
        train(config)
    finally:
        run_module.build_callbacks = build
    return clock["spent"], read_record(Path(config["run_dir"]) / "record.json").train_seconds


def _counted(hook: Callable[..., Any], clock: dict[str, float]) -> Callable[..., Any]:
    @wraps(hook)
    def counted(*arguments: Any, **settings: Any) -> Any:
        started = time.perf_counter()
        try:
            return hook(*arguments, **settings)
        finally:
            clock["spent"] += time.perf_counter() - started

    return counted
