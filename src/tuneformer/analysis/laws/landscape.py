"""The best learning rate and batch of each size and length: the floors of the losses that were swept.

Near its floor the loss is a convex quadratic of log rate and log batch (2503.04715), of about the same
curvature for all sizes and lengths. So all sweeps share one curvature, and each has a floor of its own:
L = L_k + (x - x_k)' H (x - x_k) / 2, which is linear in its unknowns. Floors found so lie between the runs,
and vary less than those of a quadratic for each sweep alone, or than the best runs.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

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
    weight_decay: float = 1.0


@dataclass(frozen=True, kw_only=True)
class RateSweep:
    """Runs of one size and length over rates, batches and weight decays, as far as these vary.

    `reported`: losses of the best setting with seeds that had no part in choosing it.
    """

    parameters: float
    tokens: float
    runs: tuple[SweptRun, ...]
    reported: tuple[float, ...] = ()

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
        weight_decay: at the floor; 1 where it is not known.
        fitted: whether it is the floor of a quadratic, not the best run.
    """

    learning_rate: float
    batch_size: float
    loss: float
    on_edge: bool
    weight_decay: float = 1.0
    fitted: bool = True


def floors_of(sweeps: Sequence[RateSweep]) -> list[Floor]:
    """The floor of each sweep, by least squares over the best runs of all.

    Raises:
        UserError: a sweep has too few runs, or the losses form no basin.
    """
    return _floors(sweeps, varying_axes(sweeps))


def best_known_floors(sweeps: Sequence[RateSweep]) -> list[Floor]:
    """The same of sweeps with few runs: over as many axes as they show a basin of, or else their best runs.

    Where the weight decay or the batch is left out, that of the best runs stands for it.
    """
    axes = varying_axes(sweeps)
    for kept in range(len(axes), 0, -1):
        try:
            found = _floors(sweeps, axes[:kept])
        except UserError:
            continue
        return [_within(floor, sweep) for floor, sweep in zip(found, sweeps, strict=True)]
    best = [min(sweep.runs, key=lambda run: run.loss) for sweep in sweeps]
    return [Floor(**vars(run), on_edge=False, fitted=False) for run in best]


def _within(floor: Floor, sweep: RateSweep) -> Floor:
    """The floor, no further than what was swept: few runs may bend the quadratic anyhow."""
    clipped = {}
    for name in ("learning_rate", "batch_size", "weight_decay"):
        values = [getattr(run, name) for run in sweep.runs]
        clipped[name] = min(max(getattr(floor, name), min(values)), max(values))
    return replace(floor, **clipped)


def varying_axes(sweeps: Sequence[RateSweep]) -> list[int]:
    """Which of rate, batch and weight decay vary in some sweep."""
    return [axis for axis in range(3) if any(np.ptp(each[:, axis]) > 0 for each in _points(sweeps))]


def _points(sweeps: Sequence[RateSweep]) -> list[np.ndarray]:
    """The logarithms of rate, batch and decay; a decay of 0 somewhere has none, and is no axis."""
    decays = all(run.weight_decay > 0 for sweep in sweeps for run in sweep.runs)
    return [
        np.log(
            [(run.learning_rate, run.batch_size, run.weight_decay if decays else 1.0) for run in sweep.runs]
        )
        for sweep in sweeps
    ]


def _floors(sweeps: Sequence[RateSweep], axes: list[int]) -> list[Floor]:
    points = _points(sweeps)
    losses = [np.array([run.loss for run in sweep.runs]) for sweep in sweeps]
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
        rate, batch, decay = map(float, np.exp(floor))
        floors.append(
            Floor(
                learning_rate=rate,
                batch_size=batch,
                weight_decay=decay,
                loss=float(value),
                on_edge=bool(outside.any()),
            )
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
