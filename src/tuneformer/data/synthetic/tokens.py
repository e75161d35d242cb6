"""Rows of tokens, drawn."""

import numpy as np


def distinct_tokens(generator: np.random.Generator, n: int, *, length: int, n_symbols: int) -> np.ndarray:
    """Rows of `length` different symbols out of 0 ... n_symbols - 1, int64 of shape (n, length)."""
    return generator.random((n, n_symbols)).argsort(axis=1)[:, :length]
