"""What a run tells W&B: rows of numbers, pictures, tables, and files."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from tuneformer.data.task_facts import TaskFacts

STEP = "trainer/step"
AXES = ("tokens", "images", "seconds")  # what else a row can be drawn against
SUMMED_UP = ("train/", "val/", "test/")  # of these the dashboard keeps the best and the last value
RECORD_FILES = ("record.json", "config.yaml", "metrics.csv", "sample.txt")
CHECKPOINT_FILES = ("checkpoints/last.ckpt", "checkpoints/best.ckpt")


@dataclass(frozen=True)
class StepMetrics:
    """The numbers of one step, of a task."""

    values: Mapping[str, float]
    task: TaskFacts

    def write(self, run: Any, known: set[str]) -> None:
        """Logs it, having told of each new metric what is kept of it in the summary."""
        for name in self.values.keys() - known:
            known.add(name)
            if name.startswith(SUMMED_UP):
                best = "max" if self.task.higher_is_better(name) else "min"
                run.define_metric(name, step_metric=STEP, step_sync=True, summary=f"{best},last")
        run.log(dict(self.values))


@dataclass(frozen=True)
class Picture:
    """Grey pixels (height, width), at a step."""

    key: str
    pixels: np.ndarray = field(repr=False)
    step: int

    def write(self, run: Any, known: set[str]) -> None:
        """Logs it on the axis of steps."""
        import wandb

        run.log({self.key: wandb.Image(self.pixels), STEP: self.step})


@dataclass(frozen=True)
class Sheet:
    """A table that belongs to the whole run."""

    key: str
    columns: Sequence[str]
    rows: Sequence[Sequence[Any]]

    def write(self, run: Any, known: set[str]) -> None:
        """Puts it into the run's summary."""
        import wandb

        run.summary[self.key] = wandb.Table(columns=list(self.columns), data=[list(row) for row in self.rows])


Entry = StepMetrics | Picture | Sheet


def log_files(run: Any, folder: Path, *, checkpoints: bool) -> None:
    """The record of the run as an artifact, and its checkpoints as another if they are asked for."""
    _log_artifact(run, f"record-{run.id}", "record", folder, RECORD_FILES, copied=True)
    if checkpoints:
        _log_artifact(run, f"checkpoints-{run.id}", "model", folder, CHECKPOINT_FILES, copied=False)


def _log_artifact(
    run: Any, name: str, kind: str, folder: Path, files: Iterable[str], *, copied: bool
) -> None:
    import wandb

    there = [folder / file for file in files if (folder / file).exists()]
    if not there:
        return
    artifact = wandb.Artifact(name, type=kind)
    for file in there:
        artifact.add_file(str(file), policy="mutable" if copied else "immutable")
    run.log_artifact(artifact)
