"""What trainer=auto makes of a machine, against the plain default."""

import os
import tempfile
from pathlib import Path
from statistics import median
from typing import Any

from tuneformer.benchmarks.step_shares import NOT_MEASURED, SIZES
from tuneformer.checks import check_config
from tuneformer.config.compose import compose_config
from tuneformer.runs.record import read_record
from tuneformer.training.start import train


def measure_fastest(size: str, *, repeats: int) -> dict[str, Any]:
    """Milliseconds of a step by default and by trainer=auto, runs in turn, and what it chose.

    The choice is measured once and then remembered; its own time is no part of a step.
    """
    plain, auto, ratios, chosen = [], [], [], {}
    with tempfile.TemporaryDirectory() as memory:
        before = os.environ.get("TUNEFORMER_CACHE")
        cache = os.environ.get("TUNEFORMER_CACHE", "~/.cache/tuneformer")
        for _ in range(repeats):
            records = {}
            for option in ("default", "auto"):
                with tempfile.TemporaryDirectory() as folder:
                    run = Path(folder) / "run"
                    overrides = [*NOT_MEASURED, *SIZES[size], f"trainer={option}", f"run_dir={run}"]
                    overrides += ["callbacks=none", "logger=none", f"data.cache_dir={cache}"]
                    config = check_config(*compose_config(overrides))
                    os.environ["TUNEFORMER_CACHE"] = memory
                    try:
                        train(config)
                    finally:
                        if before is None:
                            del os.environ["TUNEFORMER_CACHE"]
                        else:
                            os.environ["TUNEFORMER_CACHE"] = before
                    records[option] = read_record(run / "record.json")
            a, b = (1e3 * record["train_seconds"] / record["steps"] for record in records.values())
            plain.append(a)
            auto.append(b)
            ratios.append(a / b)
            chosen = records["auto"]["fastest"]["chosen"]
    return {
        "default_ms": median(plain),
        "auto_ms": median(auto),
        "ratio": median(ratios),
        "chosen": chosen,
    }
