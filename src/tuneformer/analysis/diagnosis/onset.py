"""When a fault began."""

import numpy as np

LASTING = 0.9  # share of the rows from its beginning on that a fault must hold in
LEAST_ROWS = 3  # a single row is noise


def onset(bad: np.ndarray, *, least: int = LEAST_ROWS) -> int | None:
    """The first index from which on `bad` holds to the end, in nine rows of ten; None where there is none.

    At least `least` rows must be bad from there on.
    """
    n_bad_from = np.cumsum(bad[::-1])[::-1]
    rows_from = np.arange(len(bad), 0, -1)
    lasting = bad & (n_bad_from >= LASTING * rows_from) & (n_bad_from >= least)
    return int(np.argmax(lasting)) if lasting.any() else None


def running_median(values: np.ndarray, width: int) -> np.ndarray:
    """The median of the `width` values before each one; NaN for the first `width`."""
    medians = np.full(len(values), np.nan)
    for index in range(width, len(values)):
        medians[index] = np.median(values[index - width : index])
    return medians


def smoothed(values: np.ndarray) -> np.ndarray:
    """The median of each value and its neighbours: one outlier leaves no trace."""
    padded = np.concatenate([values[:1], values, values[-1:]])
    return np.median(np.stack([padded[:-2], padded[1:-1], padded[2:]]), axis=0)
