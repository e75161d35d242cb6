"""Batches of windows, and of the seeds of episodes to act in."""

from typing import NamedTuple

import numpy as np
import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from tuneformer.data.dealing import BatchSource, Part
from tuneformer.data.trajectories.windows import TrajectorySplits, Windows

FIRST_SEED = {"validation": 1 << 29, "test": 1 << 28}
"""Of the environments that an evaluation acts in: recorded episodes have none of them."""
NO_EPISODE = -1


class WindowBatch(NamedTuple):
    """Windows as tensors (see `Windows`), and beside them the seeds of episodes to act in, -1 for none."""

    returns: Float[Tensor, "batch time"]
    states: Float[Tensor, "batch time state"]
    actions: Float[Tensor, "batch time action"]
    times: Int[Tensor, "batch time"]
    scored: Bool[Tensor, "batch time"]
    seeds: Int[Tensor, " batch"]


class WindowBatches(BatchSource[WindowBatch]):
    """The windows of each step; of a split every step once, and every episode to act in once."""

    def __init__(self, prepared: TrajectorySplits, *, batch_size: int, seed: int) -> None:
        self.batch_size = batch_size
        self._prepared = prepared
        self._seed = seed

    def training_part(self, part: Part) -> WindowBatch:
        whole = self._prepared.training_step(seed=self._seed, step=part.step, batch_size=self.batch_size)
        rows = part.side_by_side(self.batch_size)
        windows = Windows(*(array[rows] for array in whole))
        return _as_tensors(windows, np.full(len(windows.times), NO_EPISODE))

    def n_examples(self, split: str) -> int:
        return max(self._prepared.n_windows(split), self._prepared.acting.n_episodes)

    def evaluation_batch(self, split: str, rows: np.ndarray, *, together: slice) -> WindowBatch:
        del together  # all windows are of one shape
        there = rows < self._prepared.n_windows(split)
        windows = self._prepared.covering(split, np.where(there, rows, 0))
        windows = windows._replace(scored=windows.scored & there[:, None])
        acted = rows < self._prepared.acting.n_episodes
        return _as_tensors(windows, np.where(acted, FIRST_SEED[split] + rows, NO_EPISODE))


def _as_tensors(windows: Windows, seeds: np.ndarray) -> WindowBatch:
    arrays = (*windows, seeds.astype(np.int64))
    return WindowBatch(*(torch.from_numpy(np.ascontiguousarray(array)) for array in arrays))
