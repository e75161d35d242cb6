"""The best learning rate and batch of each size and length: the floors of the losses that were swept.

Near its floor the loss is a convex quadratic of log rate and log batch (2503.04715), of about the same
curvature for all sizes and lengths. So all sweeps share one curvature, and each has a floor of its own:
L = L_k + (x - x_k)' H (x - x_k) / 2, which is linear in its unknowns. Floors found so lie between the runs,
and vary less than those of a quadratic for each sweep alone, or than the best runs.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from tuneformer.errors import UserError

SHARE = 0.25
"""Of the runs of a sweep, the best ones: further from the floor the loss is no quadratic."""
FEWEST = 3
"""Cells of a sweep that are fitted at least, beyond one for each of rate and batch that varies."""


@dataclass(frozen=True, kw_only=True)
class SweptRun:
    """One run of a sweep."""

    learning_rate: float
    batch_size: float
    loss: float


@dataclass(frozen=True, kw_only=True)
class RateSweep:
    """Runs of one size and length over rates, or rates and batches."""

    parameters: float
    tokens: float
    runs: tuple[SweptRun, ...]

    def __str__(self) -> str:
        return f"parameters={self.parameters:.12g} tokens={self.tokens:.12g}"


@dataclass(frozen=True, kw_only=True)
class Floor:
    """Where the losses of a sweep are lowest.

    Attributes:
        learning_rate: at the floor.
        batch_size: at the floor; that of all runs where they have but one.
        loss: at the floor.
        on_edge: whether it lies outside of what was swept.
    """

    learning_rate: float
    batch_size: float
    loss: float
    on_edge: bool


def floors_of(sweeps: Sequence[RateSweep]) -> list[Floor]:
    """The floor of each sweep, by least squares over the best runs of all.

    Raises:
        UserError: a sweep has too few runs, or the losses form no basin.
    """
    points = [np.log([(run.learning_rate, run.batch_size) for run in sweep.runs]) for sweep in sweeps]
    losses = [np.array([run.loss for run in sweep.runs]) for sweep in sweeps]
    axes = [axis for axis in (0, 1) if any(np.ptp(each[:, axis]) > 0 for each in points)]
    best = [
        np.argsort(y, kind="stable")[: max(FEWEST + len(axes), math.ceil(SHARE * len(y)))] for y in losses
    ]
    for sweep, kept in zip(sweeps, best, strict=True):
        if not axes or len(kept) < FEWEST + len(axes):
            raise UserError(f"the {len(sweep.runs)} runs at {sweep} do not show where the best rate lies")
    centres = [each[kept].mean(axis=0) for each, kept in zip(points, best, strict=True)]
    steps, values = _minima(
        [(each[kept] - centre)[:, axes] for each, kept, centre in zip(points, best, centres, strict=True)],
        [y[kept] for y, kept in zip(losses, best, strict=True)],
    )
    floors = []
    for each, centre, step, value in zip(points, centres, steps, values, strict=True):
        floor = centre.copy()
        floor[axes] += step
        outside = (floor < each.min(axis=0) - 1e-9) | (floor > each.max(axis=0) + 1e-9)
        rate, batch = map(float, np.exp(floor))
        floors.append(
            Floor(learning_rate=rate, batch_size=batch, loss=float(value), on_edge=bool(outside.any()))
        )
    return floors


def _minima(points: list[np.ndarray], losses: list[np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
    """Minima of quadratics of one curvature, and their values: (sweeps, axes) and (sweeps,)."""
    x, y = np.concatenate(points), np.concatenate(losses)
    own = np.repeat(np.eye(len(points)), [len(each) for each in points], axis=0)
    axes = x.shape[1]
    squares = [(i, j) for i in range(axes) for j in range(i, axes)]
    slopes = [own * x[:, [axis]] for axis in range(axes)]
    shared = np.stack([x[:, i] * x[:, j] for i, j in squares], axis=1)
    numbers, *_ = np.linalg.lstsq(np.concatenate([own, *slopes, shared], axis=1), y, rcond=None)
    heights, *slope, quadratic = np.split(numbers, [len(points) * (1 + axis) for axis in range(axes + 1)])
    curvature = np.zeros((axes, axes))
    for (i, j), value in zip(squares, quadratic, strict=True):
        curvature[i, j] += value
        curvature[j, i] += value
    if np.linalg.eigvalsh(curvature)[0] <= 0:
        raise UserError(
            "the losses of the sweeps form no basin: the best rate or batch lies beyond what was swept"
        )
    gradients = np.stack(slope, axis=1)
    minima = -np.linalg.solve(curvature, gradients.T).T
    return minima, heights + (gradients * minima).sum(axis=1) / 2
