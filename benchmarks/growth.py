"""How a training step grows with the model and the batch, and a sweep with its number of runs."""

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from benchmarks.allocation import peak_bytes
from benchmarks.attention_cost import MIB, fitted_exponent
from tuneformer.checks.config import check_config
from tuneformer.config.compose import compose_config
from tuneformer.data.contract import Data, PreparedData
from tuneformer.report.charts.image import Panel, write_png
from tuneformer.report.charts.series import Series
from tuneformer.sweeps.preflight.step_times import step_times
from tuneformer.training.assembly import build_task
from tuneformer.training.start import prepare_data

AXES = {
    "width": ("model.d_model", (64, 128, 256, 512)),
    "depth": ("model.n_layers", (1, 2, 4, 8, 16)),
    "context": ("data.context_length", (64, 128, 256, 512, 1024)),
    "batch": ("data.batch_size", (4, 8, 16, 32, 64)),
}
"""What is doubled of the default experiment, everything else as it is there."""
N_RUNS = (2, 4, 8, 16)


@dataclass(frozen=True, kw_only=True)
class Growth:
    """Cost along one axis.

    Attributes:
        seconds: of a training step.
        mib: the most that its forward and backward pass allocate at a time.
    """

    axis: str
    values: tuple[int, ...]
    seconds: tuple[float, ...]
    mib: tuple[float, ...]

    @property
    def time_exponent(self) -> float:
        """p of seconds = c value^p, over all values."""
        return fitted_exponent(self.values, self.seconds)

    @property
    def last_exponent(self) -> float:
        """The same between the two largest values, where what does not grow counts least."""
        return fitted_exponent(self.values[-2:], self.seconds[-2:])

    @property
    def memory_exponent(self) -> float:
        """p of bytes = c value^p, over all values."""
        return fitted_exponent(self.values, self.mib)


def measure_growth(axis: str, *, steps: int) -> Growth:
    """The median of so many steps at each value of an axis."""
    key, values = AXES[axis]
    seconds, mib = [], []
    for value in values:
        config = check_config(*compose_config([f"{key}={value}", "logger=none", "callbacks=none"]))
        data, prepared = prepare_data(config)
        seconds.append(median(step_times(config, data, prepared, warm_up=2, steps=steps)))
        mib.append(_peak(config, data, prepared))
    return Growth(axis=axis, values=values, seconds=tuple(seconds), mib=tuple(mib))


def measure_sweep_growth(train_script: Path) -> tuple[tuple[int, ...], tuple[float, ...]]:
    """Numbers of smoke runs in a sweep of the local launcher, and its seconds from start to end."""
    seconds = []
    for n_runs in N_RUNS:
        seeds = ",".join(map(str, range(n_runs)))
        swept = ["--multirun", "experiment=smoke", "logger=none", "preflight=quick", f"seed={seeds}"]
        with tempfile.TemporaryDirectory() as folder:
            started = time.perf_counter()
            subprocess.run(
                [sys.executable, str(train_script), *swept, "launcher=local", "launcher.n_jobs=2"],
                check=True,
                cwd=folder,
                env=dict(os.environ),
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
            )
            seconds.append(time.perf_counter() - started)
    return N_RUNS, tuple(seconds)


def fitted_line(xs: Sequence[float], ys: Sequence[float]) -> tuple[float, float]:
    """a and b of the least-squares line y = a + b x."""
    mean_x, mean_y = sum(xs) / len(xs), sum(ys) / len(ys)
    slope = sum((x - mean_x) * (y - mean_y) for x, y in zip(xs, ys, strict=True))
    slope /= sum((x - mean_x) ** 2 for x in xs)
    return mean_y - slope * mean_x, slope


def draw(path: Path, growths: Sequence[Growth], *, runs: Sequence[int], seconds: Sequence[float]) -> None:
    """Writes the plot: time and memory over the smallest value of each axis, and a sweep's seconds.

    Raises:
        UserError: the file cannot be written.
    """
    times = [_relative(growth, growth.seconds) for growth in growths]
    memory = [_relative(growth, growth.mib) for growth in growths]
    start, each = fitted_line(runs, seconds)
    sweep = [
        Series(name="measured", x=list(map(float, runs)), y=list(seconds)),
        Series(
            name=f"{start:.1f} s + {each:.2f} s a run",
            x=list(map(float, runs)),
            y=[start + each * n for n in runs],
        ),
    ]
    times_what = "of the smallest, times"
    panels = [
        Panel(series=times, x_label=times_what, y_label="time of a step, times", log_x=True, log_y=True),
        Panel(series=memory, x_label=times_what, y_label="memory of a step, times", log_x=True, log_y=True),
        Panel(series=sweep, x_label="runs in a sweep", y_label="seconds"),
    ]
    write_png(path, panels, title="What training costs as it grows")


def _relative(growth: Growth, measured: Sequence[float]) -> Series:
    x = [value / growth.values[0] for value in growth.values]
    return Series(name=growth.axis, x=x, y=[each / measured[0] for each in measured])


def _peak(config: dict[str, object], data: Data, prepared: PreparedData) -> float:
    task = build_task(config, prepared)
    batch = next(
        iter(data.batches(prepared, seed=0).training_batches(accumulate=1, rank=0, world_size=1, start=0))
    )
    return peak_bytes(lambda: task.loss(batch).backward()) / MIB
