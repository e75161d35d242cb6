"""Windows of tokens as batches: pure functions of (seed, step), so that a run can resume and be split."""

import math
from collections.abc import Mapping
from copy import copy
from typing import Any, NamedTuple, Protocol, Self

import numpy as np
import torch
from jaxtyping import Int
from numpy.lib.stride_tricks import sliding_window_view
from torch import Tensor

from tuneformer.data.contract import IGNORED
from tuneformer.data.dealing import BatchSource, Part
from tuneformer.data.draws import philox, shuffled_rows
from tuneformer.data.text.token_files import ShardedTokens, TokenFile, TokenShards, give_back_pages

OF_OFFSETS = 1 << 63
"""Added to the number of a pass: the draw of its offset is another than that of its order."""


class TokenBatch(NamedTuple):
    """Tokens, and the token that follows each; a target of -100 is not scored."""

    inputs: Int[Tensor, "batch time"]
    targets: Int[Tensor, "batch time"]


class TokenWindows(BatchSource[TokenBatch]):
    """Random windows of the training tokens; of the other splits windows side by side.

    All windows of a split together score each of its tokens but the first exactly once. With `passes` the
    windows of training are those of one pass over the corpus after the other.
    """

    def __init__(
        self,
        splits: Mapping[str, TokenFile | TokenShards],
        *,
        context_length: int,
        batch_size: int,
        seed: int,
        passes: bool = False,
    ) -> None:
        self.batch_size = batch_size
        self._starts = starts_in_passes if passes else window_starts
        self._splits = splits
        self._context_length = context_length
        self._seed = seed
        self._tokens: dict[str, np.memmap | ShardedTokens] = {}

    def open(self) -> Self:
        # a memory map would be copied whole to a data worker
        opened = copy(self)
        opened._tokens = {name: source.open() for name, source in self._splits.items()}
        return opened

    def training_part(self, part: Part) -> TokenBatch:
        starts = self._starts(
            seed=self._seed,
            step=part.step,
            n_tokens=self._splits["train"].n_tokens,
            context_length=self._context_length,
            batch_size=self.batch_size,
        )
        mine = starts[part.side_by_side(self.batch_size)]
        windows = torch.from_numpy(gather(self._tokens["train"], mine, self._context_length))
        give_back_pages(self._tokens["train"])
        return TokenBatch(windows[:, :-1].contiguous(), windows[:, 1:].contiguous())

    def n_examples(self, split: str) -> int:
        return evaluation_windows(self._splits[split].n_tokens, self._context_length)

    def evaluation_batch(self, split: str, rows: np.ndarray, *, together: slice) -> TokenBatch:
        del together  # all windows are of one length
        inputs, targets = evaluation_rows(self._tokens[split], rows, self._context_length, ignored=IGNORED)
        give_back_pages(self._tokens[split])
        return TokenBatch(torch.from_numpy(inputs), torch.from_numpy(targets))


def window_starts(*, seed: int, step: int, n_tokens: int, context_length: int, batch_size: int) -> np.ndarray:
    """Offsets of the training windows of one optimizer step, int64 of shape (batch_size,).

    Uniform over 0 ... n_tokens - context_length - 1, with replacement, by a Philox generator whose key is
    (seed, step): a pure function.
    """
    return philox(seed, step).integers(0, n_tokens - context_length, size=batch_size)


def starts_in_passes(
    *, seed: int, step: int, n_tokens: int, context_length: int, batch_size: int
) -> np.ndarray:
    """Offsets of the training windows of one optimizer step, each window of a pass once.

    A pass cuts the tokens into windows side by side, from an offset of its own, and takes them in an order
    of its own. At the ends of the corpus it leaves out fewer tokens than two windows have. A pure function
    of (seed, step).
    """
    n_windows = max(1, (n_tokens - 1) // context_length - 1)
    passes = (step * batch_size + np.arange(batch_size)) // n_windows
    room = n_tokens - 1 - n_windows * context_length
    first = {
        int(number): philox(seed, OF_OFFSETS + int(number)).integers(0, room + 1) for number in set(passes)
    }
    offsets = np.array([first[int(number)] for number in passes])
    rows = shuffled_rows(seed=seed, step=step, n_rows=n_windows, batch_size=batch_size)
    return offsets + rows * context_length


class Tokens(Protocol):
    """A long row of tokens, indexed by an array of places; it need not lie in memory."""

    def __len__(self) -> int: ...
    def __getitem__(self, places: Any, /) -> Any: ...


def gather(tokens: Tokens, starts: np.ndarray, context_length: int) -> np.ndarray:
    """The windows tokens[s : s + context_length + 1], int64 of shape (len(starts), context_length + 1)."""
    if not isinstance(tokens, np.ndarray):
        return tokens[starts[:, None] + np.arange(context_length + 1)].astype(np.int64)
    return sliding_window_view(np.asarray(tokens), context_length + 1)[starts].astype(np.int64)


def evaluation_windows(n_tokens: int, context_length: int) -> int:
    """Number of non-overlapping windows that score every token but the first: ceil((n - 1) / context)."""
    return math.ceil((n_tokens - 1) / context_length)


def evaluation_rows(
    tokens: Tokens, rows: np.ndarray, context_length: int, *, ignored: int
) -> tuple[np.ndarray, np.ndarray]:
    """Inputs tokens[i T : (i + 1) T] and the tokens after them, for each window i in `rows`.

    Both int64 of shape (len(rows), T). Past the last token inputs are 0 and targets `ignored`, so that
    the last window may be partial and a row past it is wholly masked.
    """
    positions = rows[:, None] * context_length + np.arange(context_length)
    scored = positions < len(tokens) - 1
    clipped = np.where(scored, positions, 0)
    inputs = np.where(scored, tokens[clipped], 0).astype(np.int64)
    targets = np.where(scored, tokens[clipped + 1].astype(np.int64), ignored)
    return inputs, targets
