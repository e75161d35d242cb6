"""Long maps as maps of blocks: a page cannot show thousands of rows."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tuneformer.analysis.attention.example import Axes, Example
from tuneformer.runs.probe_files import ProbeSnapshot, Site

MOST_ROWS = 256
"""Rows and columns of a map that is shown."""


def block_size(n: int) -> int:
    """How many tokens become one so that at most MOST_ROWS are left."""
    return math.ceil(n / MOST_ROWS)


def block_means(maps: NDArray[Any]) -> NDArray[np.float32]:
    """The mean over blocks of neighbours in maps (..., query, key); the last block may be smaller."""
    result: NDArray[np.floating] = np.asarray(maps, dtype=np.float32)
    for axis in (-2, -1):
        n = result.shape[axis]
        size = block_size(n)
        if size > 1:
            starts = np.arange(0, n, size)
            counts = np.diff(np.append(starts, n))
            shape = [1] * result.ndim
            shape[axis] = len(counts)
            result = np.add.reduceat(result, starts, axis=axis) / counts.reshape(shape)
    return result.astype(np.float32)


def shorten(snapshot: ProbeSnapshot) -> ProbeSnapshot:
    """The same with maps of blocks, where they are too long."""

    def means(maps: Mapping[Site, NDArray[Any]]) -> dict[Site, NDArray[np.float32]]:
        return {site: block_means(array) for site, array in maps.items()}

    allowed = {site: array > 0 for site, array in means(snapshot.allowed).items()}
    return replace(snapshot, weights=means(snapshot.weights), normed=means(snapshot.normed), allowed=allowed)


def shorten_axes(example: Example) -> tuple[Example, list[str]]:
    """The names of the blocks, and a line for each stack whose maps are shortened."""
    axes, notes = {}, []
    for stack, names in example.axes.items():
        sizes = block_size(len(names.queries)), block_size(len(names.keys))
        if max(sizes) > 1:
            notes.append(
                f"{stack}: maps are averaged over blocks of {sizes[0]} queries and {sizes[1]} keys,"
                f" of {len(names.queries)} and {len(names.keys)}"
            )
        following = None if names.following is None else _joined(names.following, sizes[0])
        axes[stack] = Axes(
            queries=_joined(names.queries, sizes[0]),
            keys=_joined(names.keys, sizes[1]),
            following=following,
        )
    return replace(example, axes=axes), notes


def _joined(names: Sequence[str], size: int) -> tuple[str, ...]:
    if size == 1:
        return tuple(names)
    return tuple("".join(names[start : start + size]) for start in range(0, len(names), size))
