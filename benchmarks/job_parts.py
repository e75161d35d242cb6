"""What the time of a very short job of a sweep is spent on, in a process that has trained one already."""

import contextlib
import io
import tempfile
import time
from pathlib import Path
from statistics import median

from benchmarks.step_shares import profiled
from tuneformer.checks.config import check_config
from tuneformer.config.compose import compose_config
from tuneformer.runs.record import read_record
from tuneformer.training.start import train

VERY_SHORT = ["experiment=smoke", "trainer.max_steps=20", "scheduler.warmup=2"]
EVALUATION = ("EvaluationLoop.setup_data", "validation_step", "test_step", "val_next", "test_next")


def measure_job_parts(*, n_jobs: int) -> dict[str, float]:
    """Seconds of each part of a job, medians over `n_jobs` after a first one."""
    found = [_parts(seed) for seed in range(n_jobs + 1)][1:]
    return {part: median(parts[part] for parts in found) for part in found[0]}


def _parts(seed: int) -> dict[str, float]:
    silence = io.StringIO()
    with (
        tempfile.TemporaryDirectory() as folder,
        contextlib.redirect_stdout(silence),
        contextlib.redirect_stderr(silence),
    ):
        run = Path(folder) / "run"
        began = time.perf_counter()
        config = check_config(*compose_config([*VERY_SHORT, f"seed={seed}", f"run_dir={run}"]))
        composed = time.perf_counter()
        with profiled() as profilers:
            train(config)
        ended = time.perf_counter()
        record = read_record(run / "record.json")
    spent = {name: sum(durations) for name, durations in profilers[-1].recorded_durations.items()}
    checkpoints = sum(
        seconds for name, seconds in spent.items() if "Checkpoints" in name and name.startswith("[Callback]")
    )
    evaluation = sum(seconds for name, seconds in spent.items() if name.endswith(EVALUATION))
    parts = {
        "composing and checking": composed - began,
        "training, 20 steps": record.train_seconds,
        "validation and test": evaluation,
        "checkpoints": checkpoints,
    }
    everything = ended - began
    rest = everything - sum(parts.values())
    return parts | {"building, loggers, records": rest, "together": everything}
