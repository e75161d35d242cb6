"""One rule deals the examples of a step, and of a split, to micro batches and devices."""

import math
from abc import ABC, abstractmethod
from collections.abc import Iterator
from itertools import count
from typing import Generic, NamedTuple, Self, TypeVar

import numpy as np
from torch.utils.data import IterableDataset, get_worker_info

from tuneformer.errors import UserError

Batch = TypeVar("Batch")


class Part(NamedTuple):
    """Part `number` of the `of` equal parts of a step's global batch: what one device computes at once."""

    step: int
    number: int
    of: int

    def side_by_side(self, n_rows: int) -> slice:
        """The part's rows out of `n_rows`, a stretch of them."""
        rows = n_rows // self.of
        return slice(self.number * rows, (self.number + 1) * rows)

    @property
    def in_turn(self) -> slice:
        """The part's rows where the parts take one row each in turn."""
        return slice(self.number, None, self.of)


class BatchSource(ABC, Generic[Batch]):
    """What batches are made of. A batch is a named tuple of tensors, the examples along the first axis.

    Attributes:
        batch_size: examples of one optimizer step, over all devices and accumulation.
    """

    batch_size: int

    def open(self) -> Self:
        """The source as it is read in this process: what a data worker cannot be sent is opened here."""
        return self

    @abstractmethod
    def training_part(self, part: Part) -> Batch:
        """A part of a step's global batch, which is a function of (seed, step) however it is parted."""

    @abstractmethod
    def n_examples(self, split: str) -> int:
        """The examples of a split that is evaluated."""

    @abstractmethod
    def evaluation_batch(self, split: str, rows: np.ndarray, *, together: slice) -> Batch:
        """The examples of a split with these numbers; beyond the last, ones of which nothing is scored.

        `together`: those of all devices at once, whose batches must have the same shapes.
        """


class TrainingBatches(IterableDataset[Batch]):
    """The micro batches of one device, without end, from micro batch `start` on.

    Micro batch i belongs to optimizer step i // accumulate. The parts of that step's global batch go first to
    its micro batches, then to the devices, so that together they are the same global batch for every
    number of devices and micro batches.
    """

    def __init__(
        self, source: BatchSource[Batch], *, accumulate: int, rank: int, world_size: int, start: int
    ) -> None:
        super().__init__()
        self._source = source
        self._accumulate = accumulate
        self._rank = rank
        self._world_size = world_size
        self._start = start

    def __iter__(self) -> Iterator[Batch]:
        source, (worker, n_workers) = self._source.open(), worker_share()
        # the loader takes from its workers in turn, which puts the micro batches back in order
        for micro_batch in count(self._start + worker, n_workers):
            step, micro = divmod(micro_batch, self._accumulate)
            number = micro * self._world_size + self._rank
            yield source.training_part(Part(step, number, self._accumulate * self._world_size))


class EvaluationBatches(IterableDataset[Batch]):
    """One device's share of a split: of each stretch of batch_size x world_size examples every world_size-th.

    All devices together have each example exactly once, and all have the same number of batches of the same
    shapes: a device that lacks an example gets one of which nothing is scored.
    """

    def __init__(
        self, source: BatchSource[Batch], split: str, *, batch_size: int, rank: int, world_size: int
    ) -> None:
        super().__init__()
        self._source = source
        self._split = split
        self._rank = rank
        self._world_size = world_size
        self._stretch = batch_size * world_size
        self._n_examples = source.n_examples(split)

    @property
    def n_batches(self) -> int:
        # no __len__: Lightning warns of iterable datasets that have one
        return math.ceil(self._n_examples / self._stretch)

    def __iter__(self) -> Iterator[Batch]:
        source, (worker, n_workers) = self._source.open(), worker_share()
        for batch in range(worker, self.n_batches, n_workers):
            first = batch * self._stretch
            last = min(first + self._stretch, self._n_examples)
            n_rows = math.ceil((last - first) / self._world_size)
            rows = first + self._rank + self._world_size * np.arange(n_rows)
            yield source.evaluation_batch(self._split, rows, together=slice(first, last))


def worker_share() -> tuple[int, int]:
    """The number of this data worker and how many there are; 0 of 1 in the training process."""
    info = get_worker_info()
    return (0, 1) if info is None else (info.id, info.num_workers)


def check_parts_are_equal(*, batch_size: int, devices: int, accumulate: int) -> None:
    """Raises UserError where a batch cannot be dealt to the devices and accumulated parts."""
    if batch_size % (devices * accumulate):
        raise UserError(
            f"data.batch_size={batch_size} must be a multiple of {devices * accumulate}: {devices} devices"
            f" x trainer.accumulate_grad_batches={accumulate}"
        )
