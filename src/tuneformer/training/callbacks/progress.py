"""How far a run is: a bar on a terminal, a line now and then elsewhere."""

import sys
import time
from typing import Any

import pytorch_lightning as pl
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    TaskID,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)
from rich.progress import Progress as RichProgress

from tuneformer.process.escaping_console import EscapingConsole
from tuneformer.process.terminal import say
from tuneformer.training.callbacks.run_metrics import run_metrics_of

REDRAW_SECONDS = 0.1
NARROW_COLUMNS = 120
SHORT_UNITS = {"tokens": "tok"}


class Progress(pl.Callback):
    """Steps done, losses, rate, tokens per second and the time to go, on standard error."""

    def __init__(self, *, every_n_seconds: float) -> None:
        self.every_n_seconds = every_n_seconds
        self._bar: RichProgress | None = None
        self._bar_task: TaskID | None = None
        self._narrow = False
        self._next_time = 0.0
        self._started = (0, 0.0)

    def on_train_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        self._started = (trainer.global_step, time.monotonic())
        if not trainer.is_global_zero:
            self._next_time = float("inf")
        elif sys.stderr.isatty():
            self._draw_bar(trainer)
        else:
            self._next_time = time.monotonic() + self.every_n_seconds

    def on_train_batch_end(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        now = time.monotonic()
        if now < self._next_time:
            return
        if self._bar is None:
            self._print_line(trainer)
            self._next_time = now + self.every_n_seconds
        else:
            self._update_bar(trainer)
            self._next_time = now + REDRAW_SECONDS

    def on_validation_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        if trainer.is_global_zero and trainer.state.fn == "fit":
            if self._bar is None:
                self._print_line(trainer)
                self._next_time = time.monotonic() + self.every_n_seconds
            else:
                self._update_bar(trainer)

    def on_train_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        self._close(trainer)

    def on_exception(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, exception: BaseException
    ) -> None:
        self._close(trainer)

    def _draw_bar(self, trainer: pl.Trainer) -> None:
        console = EscapingConsole(stderr=True)
        self._narrow = console.width < NARROW_COLUMNS
        self._bar = RichProgress(
            BarColumn(bar_width=12 if self._narrow else 40),
            MofNCompleteColumn(),
            TextColumn("{task.fields[numbers]}"),
            TimeElapsedColumn(),
            TimeRemainingColumn(),
            console=console,
        )
        self._bar.start()
        self._bar_task = self._bar.add_task(
            "", total=trainer.max_steps, completed=trainer.global_step, numbers=""
        )

    def _update_bar(self, trainer: pl.Trainer) -> None:
        assert self._bar is not None
        assert self._bar_task is not None
        numbers = _numbers(trainer, short=self._narrow)
        self._bar.update(self._bar_task, completed=trainer.global_step, numbers=numbers)

    def _print_line(self, trainer: pl.Trainer) -> None:
        step, (first, since) = trainer.global_step, self._started
        elapsed = time.monotonic() - since
        left = elapsed / max(step - first, 1) * (trainer.max_steps - step)
        numbers = _numbers(trainer, short=False)
        say(f"step {step}/{trainer.max_steps}  {numbers}  {_clock(elapsed)} gone, {_clock(left)} to go")

    def _close(self, trainer: pl.Trainer) -> None:
        if self._bar is not None:
            self._update_bar(trainer)
            self._bar.stop()
            self._bar = self._bar_task = None


def _numbers(trainer: pl.Trainer, *, short: bool) -> str:
    latest = run_metrics_of(trainer).latest
    parts = [
        f"{label} {latest[name]:.3f}"
        for label, name in (("train", "train/loss"), ("val", "val/loss"))
        if name in latest
    ]
    if rates := [value for name, value in latest.items() if name.startswith("lr/")]:
        parts.append(f"lr {max(rates):.2e}")
    unit = run_metrics_of(trainer).unit
    if f"throughput/{unit}_per_second" in latest and not short:
        parts.append(f"{latest[f'throughput/{unit}_per_second']:,.0f} {SHORT_UNITS.get(unit, unit)}/s")
    return "  ".join(parts)


def _clock(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{rest:02d}" if hours else f"{minutes}:{rest:02d}"
