"""Random numbers as pure functions of (seed, step), so that a run can resume anywhere."""

from functools import lru_cache

import numpy as np


def philox(first: int, second: int) -> np.random.Generator:
    """The generator with that key (Salmon et al., "Parallel random numbers: as easy as 1, 2, 3", 2011)."""
    return np.random.Generator(np.random.Philox(key=np.array([first, second], dtype=np.uint64)))


def shuffled_rows(*, seed: int, step: int, n_rows: int, batch_size: int) -> np.ndarray:
    """Indices of the rows of one optimizer step, int64 of shape (batch_size,).

    Epoch e is the permutation that a Philox generator with key (seed, e) draws, and the steps take the
    rows of all epochs one after the other: a pure function in which each row comes once an epoch.
    """
    positions = step * batch_size + np.arange(batch_size)
    epochs = positions // n_rows
    rows = np.empty(batch_size, dtype=np.int64)
    for epoch in range(int(epochs[0]), int(epochs[-1]) + 1):
        here = epochs == epoch
        rows[here] = _permutation(seed, epoch, n_rows)[positions[here] - epoch * n_rows]
    return rows


@lru_cache(maxsize=2)
def _permutation(seed: int, epoch: int, n_rows: int) -> np.ndarray:
    """The order of an epoch: kept from step to step, since drawing it takes the time of all its rows."""
    order = philox(seed, epoch).permutation(n_rows)
    order.flags.writeable = False
    return order


def distinct_tokens(generator: np.random.Generator, n: int, *, length: int, n_symbols: int) -> np.ndarray:
    """Rows of `length` different symbols out of 0 ... n_symbols - 1, int64 of shape (n, length)."""
    return generator.random((n, n_symbols)).argsort(axis=1)[:, :length]
