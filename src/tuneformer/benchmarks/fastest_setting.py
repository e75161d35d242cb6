"""What trainer=auto makes of a machine, against the plain default."""

import os
import tempfile
from pathlib import Path
from statistics import median
from typing import Any
from unittest.mock import patch

from tuneformer.benchmarks.step_shares import NOT_MEASURED, SIZES
from tuneformer.checks import check_config
from tuneformer.config.compose import compose_config
from tuneformer.runs.record import Record, read_record
from tuneformer.training.start import train


def measure_fastest(size: str, *, repeats: int) -> dict[str, Any]:
    """Milliseconds of a step by default and by trainer=auto, runs in turn, and what it chose.

    The choice is measured once and then remembered; its own time is no part of a step.
    """
    plain, auto, ratios, chosen = [], [], [], {}
    with tempfile.TemporaryDirectory() as memory:
        for _ in range(repeats):
            default, found = (_trained(size, option, memory) for option in ("default", "auto"))
            plain.append(_milliseconds(default))
            auto.append(_milliseconds(found))
            ratios.append(plain[-1] / auto[-1])
            chosen = found["fastest"]["chosen"]
    return {
        "default_ms": median(plain),
        "auto_ms": median(auto),
        "ratio": median(ratios),
        "chosen": chosen,
    }


def _trained(size: str, option: str, memory: str) -> Record:
    """The record of a run whose machine remembers in the folder `memory`."""
    with tempfile.TemporaryDirectory() as folder:
        overrides = [*NOT_MEASURED, *SIZES[size], f"trainer={option}", f"run_dir={folder}/run"]
        config = check_config(*compose_config([*overrides, "callbacks=none", "logger=none"]))
        with patch.dict(os.environ, {"TUNEFORMER_CACHE": memory}):  # the data keep their own folder
            train(config)
        return read_record(Path(folder) / "run" / "record.json")


def _milliseconds(record: Record) -> float:
    return 1e3 * record["train_seconds"] / record["steps"]
