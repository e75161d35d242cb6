"""Where a method is tuned: a box of settings to draw from, left where it turns out to be too narrow."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from scipy.stats import qmc

from tuneformer.sweeps.ask.trials import Point
from tuneformer.sweeps.search.space import Choices, SearchRange, Space, Value

DIGITS = 4
KEPT = 0.7  # the share of draws around a point that keep its choice
ON_EDGE = 0.1  # of the width of a range: nearer to an end, the best may lie beyond it


class SettingSource(Protocol):
    """What a method's settings are drawn from."""

    def draw(self, n: int, *, seed: int) -> list[Point]:
        """The first `n` of a sequence over all of it."""
        ...

    def draw_near(self, centre: Point, n: int, *, width: float, seed: int) -> list[Point]:
        """`n` points around one of them."""
        ...

    def on_edge(self, point: Point) -> list[str]:
        """The settings for which a better value may lie outside."""
        ...


@dataclass(frozen=True, kw_only=True)
class TuningSpace:
    """The ranges and choices of a method, and how far its ranges may be left.

    `limits`: the lowest and highest value that a setting takes at all; a setting without has no limits.
    """

    space: Space
    limits: Mapping[str, tuple[float, float]]

    def draw(self, n: int, *, seed: int) -> list[Point]:
        """The first `n` points of Halton's scrambled sequence over the whole box, each independent of `n`."""
        return [self._point(row) for row in _halton(len(self.space), n, seed)]

    def draw_near(self, centre: Point, n: int, *, width: float, seed: int) -> list[Point]:
        """`n` points in a box around `centre` that is `width` of each range wide, within the limits alone."""
        rows = _halton(len(self.space), n, seed)
        at = dict(centre)
        return [
            tuple(
                (path, self._near(path, at[path], u, width)) for path, u in zip(self.space, row, strict=True)
            )
            for row in rows
        ]

    def on_edge(self, point: Point) -> list[str]:
        """The settings whose value lies at an end of its range or beyond, where the limits allow more."""
        return [path for path, value in point if self._is_on_edge(path, value)]

    def _point(self, row: Sequence[float]) -> Point:
        return tuple((path, self.at(path, u)) for path, u in zip(self.space, row, strict=True))

    def at(self, path: str, u: float) -> Value:
        """The value at `u` from 0 to 1 of a setting's range."""
        dimension = self.space[path]
        if isinstance(dimension, Choices):
            return dimension.values[min(int(u * len(dimension.values)), len(dimension.values) - 1)]
        low, high = _ends(dimension)
        return self._rounded(path, _back(dimension, low + u * (high - low)))

    def _near(self, path: str, centre: Value, u: float, width: float) -> Value:
        dimension = self.space[path]
        if isinstance(dimension, Choices):
            return centre if u < KEPT else self.at(path, (u - KEPT) / (1 - KEPT))
        low, high = _ends(dimension)
        there = _scale(dimension, float(centre)) + (u - 0.5) * width * (high - low)
        return self._rounded(path, _back(dimension, there))

    def _rounded(self, path: str, value: float) -> Value:
        """Four digits, within the limits; whole where the range is."""
        dimension = self.space[path]
        low, high = self.limits.get(path, (-math.inf, math.inf))
        if isinstance(dimension, SearchRange) and dimension.whole:
            return int(min(max(round(value), low), high))
        return float(f"{min(max(value, low), high):.{DIGITS}g}")

    def _is_on_edge(self, path: str, value: Value) -> bool:
        dimension = self.space[path]
        if isinstance(dimension, Choices):
            return False
        low, high = _ends(dimension)
        u = (_scale(dimension, float(value)) - low) / (high - low)
        lowest, highest = self.limits.get(path, (-math.inf, math.inf))
        return (u < ON_EDGE and dimension.low > lowest) or (u > 1 - ON_EDGE and dimension.high < highest)


def _halton(dimensions: int, n: int, seed: int) -> list[list[float]]:
    if n < 1:
        return []
    return qmc.Halton(dimensions, scramble=True, rng=seed).random(n).tolist()


def _scale(dimension: SearchRange, value: float) -> float:
    return math.log(max(value, 1e-300)) if dimension.log else value


def _back(dimension: SearchRange, value: float) -> float:
    return math.exp(value) if dimension.log else value


def _ends(dimension: SearchRange) -> tuple[float, float]:
    return _scale(dimension, dimension.low), _scale(dimension, dimension.high)
