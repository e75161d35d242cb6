"""Which tokens a batch is made of: pure functions, so that a run can resume and be split over devices."""

import math
from typing import Any, Protocol

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from tuneformer.errors import UserError


def window_starts(*, seed: int, step: int, n_tokens: int, context_length: int, batch_size: int) -> np.ndarray:
    """Offsets of the training windows of one optimizer step, int64 of shape (batch_size,).

    Uniform over 0 ... n_tokens - context_length - 1, with replacement, by a Philox generator whose key is
    (seed, step) (Salmon et al., "Parallel random numbers: as easy as 1, 2, 3", 2011): a pure function.
    """
    generator = np.random.Generator(np.random.Philox(key=np.array([seed, step], dtype=np.uint64)))
    return generator.integers(0, n_tokens - context_length, size=batch_size)


class Tokens(Protocol):
    """A long row of tokens, indexed by an array of places; it need not lie in memory."""

    def __len__(self) -> int: ...
    def __getitem__(self, places: Any, /) -> Any: ...


def gather(tokens: Tokens, starts: np.ndarray, context_length: int) -> np.ndarray:
    """The windows tokens[s : s + context_length + 1], int64 of shape (len(starts), context_length + 1)."""
    if not isinstance(tokens, np.ndarray):
        return tokens[starts[:, None] + np.arange(context_length + 1)].astype(np.int64)
    return sliding_window_view(tokens, context_length + 1)[starts].astype(np.int64)


def rows_per_micro_batch(*, batch_size: int, devices: int, accumulate: int) -> int:
    """Sequences that one device takes at once: batch_size / (devices * accumulate).

    Raises:
        UserError: that is not a whole number.
    """
    if batch_size % (devices * accumulate):
        raise UserError(
            f"data.batch_size={batch_size} must be a multiple of {devices * accumulate}: {devices} devices"
            f" x trainer.accumulate_grad_batches={accumulate}"
        )
    return batch_size // (devices * accumulate)


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
