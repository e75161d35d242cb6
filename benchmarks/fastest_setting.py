"""What trainer=auto makes of a machine, against the plain default."""

import math
import os
import tempfile
from pathlib import Path
from statistics import median
from typing import Any
from unittest.mock import patch

from benchmarks.in_turn import InTurn, in_turn
from benchmarks.step_shares import NOT_MEASURED, SIZES
from tuneformer.checks.config import check_config
from tuneformer.config.compose import compose_config
from tuneformer.runs.metrics_file import read_rows
from tuneformer.runs.record import RunRecord, read_record
from tuneformer.training.start import train


def measure_fastest(size: str, *, repeats: int) -> tuple[InTurn, dict[str, Any]]:
    """Milliseconds of the middle step by default and by trainer=auto, and what it chose.

    The choice is measured once and then remembered; its own time is no part of a step.
    """
    chosen: dict[str, Any] = {}
    with tempfile.TemporaryDirectory() as memory:

        def auto() -> float:
            milliseconds, record = _trained(size, "auto", memory)
            assert record.fastest is not None
            chosen.update(record.fastest["chosen"])
            return milliseconds

        times = in_turn(lambda: _trained(size, "default", memory)[0], auto, repeats=repeats)
    return times, chosen


def _trained(size: str, option: str, memory: str) -> tuple[float, RunRecord]:
    """The milliseconds and the record of a run whose machine remembers in the folder `memory`."""
    with tempfile.TemporaryDirectory() as folder:
        run = Path(folder) / "run"
        logged = ["trainer.log_every_n_steps=1", "callbacks=none", "logger=none", f"run_dir={run}"]
        overrides = [*NOT_MEASURED, *SIZES[size], f"trainer={option}", *logged]
        with patch.dict(os.environ, {"TUNEFORMER_CACHE": memory}):  # the data keep their own folder
            train(check_config(*compose_config(overrides)))
        steps = [row.get("throughput/step_ms", math.nan) for row in read_rows(run / "metrics.csv")]
        return median(each for each in steps if each > 0), read_record(run / "record.json")
