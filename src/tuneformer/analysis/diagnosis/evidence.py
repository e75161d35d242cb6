"""A run directory, read once: what the rules look at."""

import fnmatch
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from tuneformer.config.plain import Config
from tuneformer.errors import UserError
from tuneformer.optim.schedules import warmup_steps
from tuneformer.runs.directory import find_run
from tuneformer.runs.metrics_file import read_columns
from tuneformer.runs.needed_fields import check_present
from tuneformer.runs.record import RunRecord

ABSENT = object()


@dataclass(frozen=True, kw_only=True)
class Curve:
    """The rows of one column that have a finite value: `values` over optimizer `steps`."""

    steps: np.ndarray
    values: np.ndarray

    def __len__(self) -> int:
        return len(self.values)

    def between(self, first: float, last: float) -> "Curve":
        """The rows of steps in [first, last]."""
        kept = (self.steps >= first) & (self.steps <= last)
        return Curve(steps=self.steps[kept], values=self.values[kept])


@dataclass(frozen=True, kw_only=True)
class Evidence:
    """config.yaml, record.json and metrics.csv of a run; `columns` are of equal length, NaN where empty."""

    path: Path
    config: Config
    record: RunRecord
    columns: Mapping[str, np.ndarray]

    def curve(self, name: str) -> Curve:
        """One column; no rows where it was not measured."""
        values = self.columns.get(name, np.empty(0))
        kept = np.isfinite(values)
        return Curve(steps=self.columns["step"][: len(values)][kept], values=values[kept])

    def names(self, pattern: str) -> list[str]:
        """The columns that match a pattern with `*` and have a value, in the order of numbers within."""
        found = fnmatch.filter(self.columns, pattern)
        return sorted((name for name in found if len(self.curve(name))), key=_natural)

    def table(self, names: Sequence[str]) -> tuple[np.ndarray, np.ndarray]:
        """Steps (rows) and values (rows, names) of the rows in which every name has a finite value."""
        values = np.stack([self.columns[name] for name in names], axis=1)
        kept = np.isfinite(values).all(axis=1)
        return self.columns["step"][kept], values[kept]

    def setting(self, path: str) -> Any:
        """The value of a dotted setting; ABSENT where the run has no such setting."""
        value: Any = self.config
        for key in path.split("."):
            if not isinstance(value, dict) or key not in value:
                return ABSENT
            value = value[key]
        return value

    def number(self, path: str) -> float:
        """A setting that is a number; NaN where it is null or absent."""
        value = self.setting(path)
        return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else np.nan

    def target(self, group: str) -> str:
        """The name of what a group builds, without its module."""
        return str(self.setting(f"{group}._target_")).rpartition(".")[2]

    @property
    def max_steps(self) -> int:
        """The horizon of the run."""
        return int(self.config["trainer"]["max_steps"])

    @property
    def last_step(self) -> int:
        """The step of the last row."""
        return int(self.columns["step"][-1])

    @property
    def warmup_steps(self) -> int | None:
        """Optimizer steps of warmup; None where the schedule has no such setting."""
        warmup = self.config.get("scheduler", {}).get("warmup")
        return None if warmup is None else warmup_steps(warmup, self.max_steps)

    @property
    def finished(self) -> bool:
        """Whether the run came to the end of its horizon."""
        return self.record.status == "finished"

    @property
    def diverged(self) -> bool:
        """Whether its loss stopped being finite."""
        return self.record.status == "diverged"


def read_evidence(path: Path) -> Evidence:
    """What a run directory holds.

    Raises:
        UserError: it is no run, a file is damaged, or nothing was measured.
    """
    directory = find_run(path)
    record, config = directory.read_record(), directory.read_config()
    if not directory.metrics_file.exists():
        raise UserError(f"{path} has no metrics.csv: nothing was measured before it was {record.status}")
    columns = {name: np.array(values) for name, values in read_columns(directory.metrics_file).items()}
    if not columns:
        raise UserError(
            f"{directory.metrics_file} has no rows: nothing was measured before the run was {record.status}"
        )
    check_present(config, ("trainer.max_steps",), file=directory.config_file)
    return Evidence(path=path, config=config, record=record, columns=columns)


def runs_in(folder: Path) -> list[Path]:
    """The folder itself if it is a run, otherwise the runs right below it, as in a sweep's.

    Raises:
        UserError: there is none.
    """
    if not folder.is_dir():
        raise UserError(f"{folder} is not a folder: give a run directory, such as outputs/runs/<run>")
    if (folder / "record.json").exists():
        return [folder]
    runs = sorted(path.parent for path in folder.glob("*/record.json"))
    if not runs:
        raise UserError(f"{folder} holds no run: there is no record.json in it or right below it")
    return runs


def _natural(name: str) -> list[tuple[int, int | str]]:
    parts = name.replace("/", ".").split(".")
    return [(0, int(part)) if part.isdigit() else (1, part) for part in parts]
