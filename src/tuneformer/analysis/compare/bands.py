"""Learning curves of each method at its best setting, with their spread over seeds."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from tuneformer.analysis.compare.curves import RATE
from tuneformer.analysis.compare.selection import Result
from tuneformer.analysis.compare.trial import Trial

MOST_POINTS = 200
AXES = ("step", "tokens", "seconds")


@dataclass(frozen=True, kw_only=True)
class Band:
    """A metric over a run: mean, lowest and highest over the seeds, at steps that all of them logged.

    `axes` has the same steps as "step", "tokens" and (mean) "seconds".
    """

    method: str
    task: str
    horizon: float
    metric: str
    axes: dict[str, np.ndarray]
    mean: np.ndarray
    low: np.ndarray
    high: np.ndarray
    n: int


def learning_bands(results: Sequence[Result], metrics: Sequence[str]) -> list[Band]:
    """One for each result and metric (`lr` is one); none where no run that lived logged it."""
    bands = (_band(result, metric) for result in results for metric in metrics)
    return [band for band in bands if band is not None]


def learning_metrics(criterion_metric: str) -> list[str]:
    """What is drawn against the length of a run."""
    return [*dict.fromkeys([criterion_metric, "train/loss", RATE])]


def _band(result: Result, metric: str) -> Band | None:
    logged = [curve for trial in result.reported if (curve := _curve(trial, metric)) is not None]
    if not logged:
        return None
    steps = logged[0]["step"]
    for curve in logged[1:]:
        steps = np.intersect1d(steps, curve["step"])
    if not len(steps):
        return None
    steps = steps[thinned(len(steps))]
    rows = [{name: column[np.searchsorted(c["step"], steps)] for name, column in c.items()} for c in logged]
    values = np.stack([row[metric] for row in rows])
    return Band(
        method=result.method,
        task=result.task,
        horizon=result.horizon,
        metric=metric,
        axes={name: np.mean([row[name] for row in rows], axis=0) for name in AXES if name in rows[0]},
        mean=values.mean(axis=0),
        low=values.min(axis=0),
        high=values.max(axis=0),
        n=len(rows),
    )


def thinned(n: int) -> np.ndarray:
    """At most MOST_POINTS places of n, the first and the last among them."""
    return np.unique(np.linspace(0, n - 1, min(n, MOST_POINTS)).round().astype(int))


def _curve(trial: Trial, metric: str) -> dict[str, np.ndarray] | None:
    values = trial.curves.get(metric)
    if values is None:
        return None
    kept = np.isfinite(values)
    if not kept.any():
        return None
    names = [*(name for name in AXES if name in trial.curves), metric]
    return {name: trial.curves[name][kept] for name in names}
