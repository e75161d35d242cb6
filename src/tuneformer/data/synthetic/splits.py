"""Which split an example belongs to: a function of the example alone."""

import numpy as np

from tuneformer.data.contract import SPLITS

HASHED = 16
_GOLDEN = np.uint64(0x9E3779B97F4A7C15)
_FIRST, _SECOND = np.uint64(0xBF58476D1CE4E5B9), np.uint64(0x94D049BB133111EB)


def unit_hash(rows: np.ndarray) -> np.ndarray:
    """A number in [0, 1) for each row, float64 of shape (n,); equal rows, equal numbers.

    Every element in turn goes through the finaliser of SplitMix64 (Steele et al., 2014). Real elements
    count by their bits in float32. The same on every machine and in every version of NumPy.
    """
    flat = rows.reshape(len(rows), -1)
    if np.issubdtype(flat.dtype, np.floating):
        words = flat.astype(np.float32).view(np.uint32).astype(np.uint64)
    else:
        words = flat.astype(np.int64).view(np.uint64)
    state = np.full(len(rows), _GOLDEN)
    for column in words.T:
        state = state + column + _GOLDEN  # modulo 2^64
        state = (state ^ (state >> np.uint64(30))) * _FIRST
        state = (state ^ (state >> np.uint64(27))) * _SECOND
        state = state ^ (state >> np.uint64(31))
    return (state >> np.uint64(11)) * 2.0**-53


def split_numbers(rows: np.ndarray, *, train_fraction: float) -> np.ndarray:
    """The split of each row as its index in `SPLITS`, shape (n,): train, then two equal halves of the rest.

    By the hash of the row's first HASHED elements: whatever begins alike is in the same split.
    """
    edges = [train_fraction, (1 + train_fraction) / 2]
    beginnings = rows.reshape(len(rows), -1)[:, :HASHED]
    return np.searchsorted(edges, unit_hash(beginnings), side="right")


def in_split(rows: np.ndarray, name: str, *, train_fraction: float) -> np.ndarray:
    """True for the rows of the split `name`, shape (n,)."""
    return split_numbers(rows, train_fraction=train_fraction) == SPLITS.index(name)
