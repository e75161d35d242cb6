"""Training and evaluation batches as torch datasets, for a DataLoader with batch_size=None."""

import math
from collections.abc import Callable, Iterator
from functools import partial
from itertools import count
from typing import NamedTuple

import numpy as np
import torch
from jaxtyping import Int
from torch import Tensor
from torch.utils.data import IterableDataset, get_worker_info

from tuneformer.data.contract import IGNORED
from tuneformer.data.token_files import TokenFile
from tuneformer.data.token_pages import give_back_pages
from tuneformer.data.token_shards import ShardedTokens, TokenShards
from tuneformer.data.windows import (
    evaluation_rows,
    evaluation_windows,
    gather,
    rows_per_micro_batch,
    window_starts,
)


class TokenBatch(NamedTuple):
    """Tokens, and the token that follows each; a target of -100 is not scored."""

    inputs: Int[Tensor, "batch time"]
    targets: Int[Tensor, "batch time"]


class TrainingBatches(IterableDataset[TokenBatch]):
    """The micro batches of one device, without end, from micro batch `start` on.

    Micro batch i belongs to optimizer step i // accumulate. The rows of that step's global batch are
    dealt first to its micro batches, then to the devices, so that together they are the same global
    batch for every number of devices and micro batches.
    """

    def __init__(
        self,
        tokens: TokenFile | TokenShards,
        *,
        seed: int,
        context_length: int,
        batch_size: int,
        accumulate: int,
        rank: int,
        world_size: int,
        start: int,
    ) -> None:
        super().__init__()
        self._tokens = tokens
        self._seed = seed
        self._context_length = context_length
        self._batch_size = batch_size
        self._accumulate = accumulate
        self._rank = rank
        self._world_size = world_size
        self._start = start
        self._rows = rows_per_micro_batch(batch_size=batch_size, devices=world_size, accumulate=accumulate)

    def __iter__(self) -> Iterator[TokenBatch]:
        # opened here, since a memory map would be copied whole to a data worker
        tokens, give_back = _reader(self._tokens)
        worker, n_workers = worker_share()
        # the loader takes from its workers in turn, which puts the micro batches back in order
        for micro_batch in count(self._start + worker, n_workers):
            windows = torch.from_numpy(gather(tokens, self._starts(micro_batch), self._context_length))
            give_back()
            yield TokenBatch(windows[:, :-1].contiguous(), windows[:, 1:].contiguous())

    def _starts(self, micro_batch: int) -> np.ndarray:
        step, part = divmod(micro_batch, self._accumulate)
        starts = window_starts(
            seed=self._seed,
            step=step,
            n_tokens=self._tokens.n_tokens,
            context_length=self._context_length,
            batch_size=self._batch_size,
        )
        first = (part * self._world_size + self._rank) * self._rows
        return starts[first : first + self._rows]


class EvaluationBatches(IterableDataset[TokenBatch]):
    """One device's share of the non-overlapping windows over a split.

    Window i goes to device i mod world_size. All devices together score each token but the split's
    first exactly once, and all have the same number of batches of the same shapes: a device that lacks
    a window gets a wholly masked row.
    """

    def __init__(
        self,
        tokens: TokenFile | TokenShards,
        *,
        context_length: int,
        batch_size: int,
        rank: int,
        world_size: int,
    ) -> None:
        super().__init__()
        self._tokens = tokens
        self._context_length = context_length
        self._batch_size = batch_size
        self._rank = rank
        self._world_size = world_size
        n_windows = evaluation_windows(tokens.n_tokens, context_length)
        self._n_rows = math.ceil(n_windows / world_size)

    @property
    def n_batches(self) -> int:
        # no __len__: Lightning warns of iterable datasets that have one
        return math.ceil(self._n_rows / self._batch_size)

    def __iter__(self) -> Iterator[TokenBatch]:
        tokens, give_back = _reader(self._tokens)
        worker, n_workers = worker_share()
        for batch in range(worker, self.n_batches, n_workers):
            first = batch * self._batch_size
            mine = np.arange(first, min(first + self._batch_size, self._n_rows))
            rows = mine * self._world_size + self._rank
            inputs, targets = evaluation_rows(tokens, rows, self._context_length, ignored=IGNORED)
            give_back()
            yield TokenBatch(torch.from_numpy(inputs), torch.from_numpy(targets))


def _reader(source: TokenFile | TokenShards) -> tuple[np.ndarray | ShardedTokens, Callable[[], None]]:
    """The tokens, and what gives back the memory of those that were read."""
    mapped = source.open()
    if isinstance(mapped, ShardedTokens):
        return mapped, mapped.give_back_pages
    return np.asarray(mapped), partial(give_back_pages, mapped)


def worker_share() -> tuple[int, int]:
    """The number of this data worker and how many there are; 0 of 1 in the training process."""
    info = get_worker_info()
    return (0, 1) if info is None else (info.id, info.num_workers)
