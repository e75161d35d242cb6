"""Batches of examples that fit into memory or are generated step by step."""

import math
from collections.abc import Iterator
from itertools import count

import numpy as np
import torch
from torch.utils.data import IterableDataset

from tuneformer.data.batch_module import BatchModule
from tuneformer.data.batches import worker_share
from tuneformer.data.contract import IGNORED
from tuneformer.data.examples import Examples, ExampleSource
from tuneformer.data.windows import rows_per_micro_batch


class ExampleModule(BatchModule):
    """Training batches as `source` gives them for each step, and every example of a split once."""

    def __init__(
        self, *, source: ExampleSource, batch_size: int, eval_batch_size: int, num_workers: int, seed: int
    ) -> None:
        super().__init__(num_workers=num_workers)
        self._source = source
        self._batch_size = batch_size
        self._eval_batch_size = eval_batch_size
        self._seed = seed

    def training_batches(
        self, *, accumulate: int, rank: int, world_size: int, start: int
    ) -> "TrainingExamples":
        return TrainingExamples(
            self._source,
            seed=self._seed,
            batch_size=self._batch_size,
            accumulate=accumulate,
            rank=rank,
            world_size=world_size,
            start=start,
        )

    def evaluation_batches(self, split: str, *, rank: int, world_size: int) -> "SplitExamples":
        return SplitExamples(
            self._source.split(split), batch_size=self._eval_batch_size, rank=rank, world_size=world_size
        )


class TrainingExamples(IterableDataset[Examples]):
    """The micro batches of one device, without end, from micro batch `start` on.

    The rows of a step's global batch are dealt first to its micro batches, then to the devices.

    Raises:
        UserError: `batch_size` is not divisible by devices times `accumulate`.
    """

    def __init__(
        self,
        source: ExampleSource,
        *,
        seed: int,
        batch_size: int,
        accumulate: int,
        rank: int,
        world_size: int,
        start: int,
    ) -> None:
        super().__init__()
        self._source = source
        self._seed = seed
        self._batch_size = batch_size
        self._accumulate = accumulate
        self._rank = rank
        self._world_size = world_size
        self._start = start
        self._rows = rows_per_micro_batch(batch_size=batch_size, devices=world_size, accumulate=accumulate)

    def __iter__(self) -> Iterator[Examples]:
        worker, n_workers = worker_share()
        # the loader takes from its workers in turn, which puts the micro batches back in order
        for micro_batch in count(self._start + worker, n_workers):
            step, part = divmod(micro_batch, self._accumulate)
            whole = self._source.training_step(seed=self._seed, step=step, batch_size=self._batch_size)
            first = (part * self._world_size + self._rank) * self._rows
            yield as_tensors(whole.take(slice(first, first + self._rows)))


class SplitExamples(IterableDataset[Examples]):
    """One device's share of all examples of a split.

    Example i goes to device i mod world_size. All devices together score each example exactly once, and
    all have the same number of batches of the same shapes: a device that lacks an example gets one whose
    targets are not scored.
    """

    def __init__(self, examples: Examples, *, batch_size: int, rank: int, world_size: int) -> None:
        super().__init__()
        self._examples = examples
        self._batch_size = batch_size
        self._rank = rank
        self._world_size = world_size
        self._n_rows = math.ceil(len(examples.inputs) / world_size)

    @property
    def n_batches(self) -> int:
        # no __len__: Lightning warns of iterable datasets that have one
        return math.ceil(self._n_rows / self._batch_size)

    def __iter__(self) -> Iterator[Examples]:
        n_examples = len(self._examples.inputs)
        worker, n_workers = worker_share()
        for batch in range(worker, self.n_batches, n_workers):
            first = batch * self._batch_size
            mine = np.arange(first, min(first + self._batch_size, self._n_rows))
            rows = mine * self._world_size + self._rank
            there = rows < n_examples
            examples = self._examples.take(np.where(there, rows, 0))
            yield as_tensors(Examples(examples.inputs, _unscored(examples.targets, where=~there)))


def as_tensors(examples: Examples) -> Examples:
    """The same examples as tensors of their own memory; whole numbers become int64."""
    return Examples(*(_tensor(array) for array in examples))


def _tensor(array: np.ndarray) -> torch.Tensor:
    whole = np.issubdtype(array.dtype, np.integer)
    return torch.from_numpy(np.ascontiguousarray(array, dtype=np.int64 if whole else np.float32))


def _unscored(targets: np.ndarray, *, where: np.ndarray) -> np.ndarray:
    targets = targets.copy()
    targets[where] = IGNORED if np.issubdtype(targets.dtype, np.integer) else np.nan
    return targets
