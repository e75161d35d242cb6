"""Examples as arrays, the first axis counting them."""

from typing import Any, NamedTuple, Protocol

import numpy as np


class Examples(NamedTuple):
    """What a model is given and what it shall answer: NumPy arrays, or tensors once they are a batch.

    A target of -100, or of NaN where targets are real, is not scored.
    """

    inputs: Any
    targets: Any

    def take(self, rows: Any) -> "Examples":
        """Those examples: indices, a slice or true where an example is taken."""
        return Examples(self.inputs[rows], self.targets[rows])


class ExampleSource(Protocol):
    """Where training and evaluation take their examples from."""

    def training_step(self, *, seed: int, step: int, batch_size: int) -> Examples:
        """The global batch of an optimizer step: a pure function."""
        ...

    def split(self, name: str) -> Examples:
        """All examples of a split that is evaluated."""
        ...


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


def philox(first: int, second: int) -> np.random.Generator:
    """The counter-based generator with that key (Salmon et al., 2011)."""
    return np.random.Generator(np.random.Philox(key=np.array([first, second], dtype=np.uint64)))


def _permutation(seed: int, epoch: int, n_rows: int) -> np.ndarray:
    return philox(seed, epoch).permutation(n_rows)
