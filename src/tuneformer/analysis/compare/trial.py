"""One run as a comparison sees it, wherever it was read from."""

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

SEED = "seed"
HORIZON = "trainer.max_steps"
GRID = "grid"  # the sampler of settings that were listed, not drawn
USUAL_BASELINE = "adamw"  # what others are compared with, where it is there and nothing else is asked for
METHOD = "method"  # the column of a table that names methods of any kind
MISSING = "-"  # the value of a setting that a run does not have

LARGEST = 1e150
"""Above it the square of a number is none that a double holds."""


@dataclass(frozen=True, kw_only=True)
class Trial:
    """A run that ended: finished, diverged, pruned (ended early by a search), or stopped (by EarlyStopping).

    Attributes:
        source: its folder, or its line of a table.
        settings: what determines its weights, flat: dotted path to value.
        options: the option of each config group that is known by name.
        overrides: what it was given as a job of a sweep; empty where that is not known.
        seed: None where it is not known.
        task: what its loss is a loss of; losses of different tasks are not compared.
        horizon: its length, in optimizer steps (in a table: in the table's unit).
        metrics: the metrics at its end.
        sampler: how its settings were chosen: grid, random, halton, ...
        role: what it was for, as a trial of a question (`search=ask`); empty for any other run.
        started: when, in a form that sorts; empty where it is not known.
        numbers: what its record says that comparisons show (`runs.record.SHOWN`), by field.
        curves: columns of metrics.csv of equal length, NaN where a row has no value.
    """

    source: str
    settings: Mapping[str, Any]
    options: Mapping[str, str]
    overrides: tuple[str, ...] = ()
    seed: int | None
    task: str
    horizon: float
    diverged: bool
    metrics: Mapping[str, float]
    sampler: str = GRID
    role: str = ""
    started: str = ""
    numbers: Mapping[str, float] = field(default_factory=dict)
    curves: Mapping[str, np.ndarray] = field(default_factory=dict)
    pruned: bool = False
    stopped: bool = False

    @property
    def lived(self) -> bool:
        """Whether the run came to its end, so that its last metrics are those of its length."""
        return not (self.diverged or self.pruned)

    def value(self, metric: str) -> float:
        """The metric at the end: infinite where the run did not come to it, NaN where it has none.

        What is too large for its square counts as infinite: no deviation could be told of it.
        """
        value = self.metrics.get(metric, math.nan) if self.lived else math.inf
        return math.inf if abs(value) > LARGEST else value

    def number(self, name: str) -> float:
        """A number of its record; NaN where that does not say it."""
        return self.numbers.get(name, math.nan)

    def setting(self, key: str) -> Any:
        """A setting's value, hashable (lists as tuples, tables as JSON); MISSING where the run has none."""
        return _hashable(self.settings.get(key, MISSING))


def _hashable(value: Any) -> Any:
    if isinstance(value, list | tuple):
        return tuple(_hashable(each) for each in value)
    return json.dumps(value, sort_keys=True) if isinstance(value, dict) else value


@dataclass(frozen=True, kw_only=True)
class LeftOut:
    """A run that a comparison does not count, and why; `instead` names the run that counts in its place."""

    source: str
    reason: str
    instead: str = ""


@dataclass(frozen=True, kw_only=True)
class Trials:
    """What was read: the runs that count, those that do not, and where the figures come from.

    Attributes:
        sources: the folders or files, as they were given.
        unit: what `horizon` counts.
        provenance: commits, versions and hardware, each with the values found.
        commands: the command lines that made the runs.
        with_lost_rows: the runs whose record says that rows of metrics.csv were lost.
        notes: what a reader must know of how they were read.
    """

    trials: tuple[Trial, ...]
    left_out: tuple[LeftOut, ...]
    sources: tuple[str, ...]
    unit: str
    provenance: Mapping[str, tuple[str, ...]]
    commands: tuple[str, ...]
    with_lost_rows: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def metric_names(self) -> list[str]:
        """Every metric that some run has at its end."""
        return sorted({name for trial in self.trials for name in trial.metrics})
