"""Batches of pairs, for training and for evaluation."""

import math
from collections.abc import Iterator
from itertools import count
from typing import NamedTuple

import numpy as np
import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor
from torch.utils.data import IterableDataset

from tuneformer.data.batch_module import BatchModule
from tuneformer.data.batches import worker_share
from tuneformer.data.contract import IGNORED
from tuneformer.data.length_buckets import LengthBuckets
from tuneformer.data.pair_files import PairSplit, PairSplits
from tuneformer.data.windows import rows_per_micro_batch

MULTIPLE = 8
"""Lengths are padded to a multiple of so many tokens: fewer shapes to compile, whole tiles on a GPU."""


class PairBatch(NamedTuple):
    """Sentences, their translations as inputs, and the token that follows each; -100 is not scored.

    `visible`: true where a token of the source is one, false where it is padding. `scored`: the tokens
    that the whole step scores, over the number of its parts: the sum of a part's losses over it has, over
    all parts of the step, the mean loss of a token as its mean.
    """

    source: Int[Tensor, "batch source"]
    visible: Bool[Tensor, "batch source"]
    inputs: Int[Tensor, "batch target"]
    targets: Int[Tensor, "batch target"]
    scored: Float[Tensor, ""]


class PairModule(BatchModule):
    """Training batches of about one length, and every pair of a split once.

    Raises:
        UserError: `batch_size` is not divisible by the trainer's devices times its accumulation.
    """

    def __init__(
        self, *, pairs: PairSplits, batch_size: int, eval_batch_size: int, num_workers: int, seed: int
    ) -> None:
        super().__init__(num_workers=num_workers)
        self._pairs = pairs
        self._batch_size = batch_size
        self._eval_batch_size = eval_batch_size
        self._seed = seed

    def training_batches(self, *, accumulate: int, rank: int, world_size: int, start: int) -> "TrainingPairs":
        return TrainingPairs(
            self._pairs,
            seed=self._seed,
            batch_size=self._batch_size,
            accumulate=accumulate,
            rank=rank,
            world_size=world_size,
            start=start,
        )

    def evaluation_batches(self, split: str, *, rank: int, world_size: int) -> "EvaluationPairs":
        return EvaluationPairs(
            self._pairs,
            split,
            batch_size=self._eval_batch_size,
            rank=rank,
            world_size=world_size,
        )


class TrainingPairs(IterableDataset[PairBatch]):
    """The micro batches of one device, without end, from micro batch `start` on.

    The pairs of a step's global batch, sorted by length, are dealt in turn to its micro batches and the
    devices, so that all parts take about equally long.
    """

    def __init__(
        self,
        pairs: PairSplits,
        *,
        seed: int,
        batch_size: int,
        accumulate: int,
        rank: int,
        world_size: int,
        start: int,
    ) -> None:
        super().__init__()
        rows_per_micro_batch(batch_size=batch_size, devices=world_size, accumulate=accumulate)
        self._split = pairs.splits["train"]
        self._boundary = pairs.boundary
        self._longest = pairs.decoding.max_tokens
        self._seed = seed
        self._accumulate = accumulate
        self._rank = rank
        self._world_size = world_size
        self._start = start
        self._target_lengths = self._split.target.lengths
        self._buckets = LengthBuckets(self._split.source.lengths, self._target_lengths, batch_size=batch_size)

    def __iter__(self) -> Iterator[PairBatch]:
        worker, n_workers = worker_share()
        parts = self._accumulate * self._world_size
        # the loader takes from its workers in turn, which puts the micro batches back in order
        for micro_batch in count(self._start + worker, n_workers):
            step, part = divmod(micro_batch, self._accumulate)
            rows = self._buckets.rows(seed=self._seed, step=step)
            scored = float((self._target_lengths[rows] + 1).sum()) / parts
            mine = rows[part * self._world_size + self._rank :: parts]
            shape = len(mine), *room(self._split, mine, longest=self._longest)
            yield make_batch(self._split, mine, boundary=self._boundary, scored=scored, shape=shape)


class EvaluationPairs(IterableDataset[PairBatch]):
    """One device's share of all pairs of a split, those of about one length together.

    All devices together have each pair exactly once, and all have the same number of batches of the same
    shapes: a device that lacks a pair gets one of which nothing is scored.
    """

    def __init__(self, pairs: PairSplits, split: str, *, batch_size: int, rank: int, world_size: int) -> None:
        super().__init__()
        self._split = pairs.splits[split]
        self._boundary = pairs.boundary
        self._longest = pairs.decoding.max_tokens
        self._batch_size = batch_size
        self._rank = rank
        self._world_size = world_size
        self._order = np.lexsort((self._split.target.lengths, self._split.source.lengths))

    @property
    def n_batches(self) -> int:
        # no __len__: Lightning warns of iterable datasets that have one
        return math.ceil(len(self._order) / (self._batch_size * self._world_size))

    def __iter__(self) -> Iterator[PairBatch]:
        worker, n_workers = worker_share()
        width = self._batch_size * self._world_size
        for batch in range(worker, self.n_batches, n_workers):
            together = self._order[batch * width : (batch + 1) * width]
            n_rows = math.ceil(len(together) / self._world_size)
            mine = together[self._rank :: self._world_size]
            yield make_batch(
                self._split,
                mine,
                boundary=self._boundary,
                scored=float((self._split.target.lengths[mine] + 1).sum()),
                shape=(n_rows, *room(self._split, together, longest=self._longest)),
            )


def room(split: PairSplit, rows: np.ndarray, *, longest: int) -> tuple[int, int]:
    """Tokens for every source and every target of these pairs, each with one boundary, padded a little."""
    sides = split.source.lengths[rows].max() + 1, split.target.lengths[rows].max() + 1
    source, target = (min(-(-int(side) // MULTIPLE) * MULTIPLE, longest) for side in sides)
    return source, target


def make_batch(
    split: PairSplit,
    rows: np.ndarray,
    *,
    boundary: int,
    scored: float,
    shape: tuple[int, int, int],
) -> PairBatch:
    """These pairs, each source ended and each target begun and ended by `boundary`.

    `shape`: (pairs, source, target); pairs beyond the rows are empty, and nothing of them is scored.
    """
    n_rows, n_source, n_target = shape
    source = np.full((n_rows, n_source), boundary, dtype=np.int64)
    visible = np.arange(n_source) < np.ones((n_rows, 1), dtype=np.int64)
    inputs = np.full((n_rows, n_target), boundary, dtype=np.int64)
    targets = np.full((n_rows, n_target), IGNORED, dtype=np.int64)
    for place, row in enumerate(rows):
        sentence, translation = split.source[int(row)], split.target[int(row)]
        source[place, : len(sentence)] = sentence
        visible[place, : len(sentence) + 1] = True
        inputs[place, 1 : len(translation) + 1] = translation
        targets[place, : len(translation)] = translation
        targets[place, len(translation)] = boundary
    return PairBatch(
        source=torch.from_numpy(source),
        visible=torch.from_numpy(visible),
        inputs=torch.from_numpy(inputs),
        targets=torch.from_numpy(targets),
        scored=torch.tensor(scored),
    )
