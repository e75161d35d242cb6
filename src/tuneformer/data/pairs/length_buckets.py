"""Batches of pairs of about one length, so that little is padding: pure functions of (seed, step)."""

import numpy as np

from tuneformer.data.draws import philox

POOL_BATCHES = 50
"""Batches whose pairs are sorted by length together."""


class LengthBuckets:
    """Which pairs a step trains on; each comes once an epoch, but for less than a batch at its end.

    Epoch e: a permutation that a Philox generator with key (seed, e) draws, cut into pools of
    50 batches; the pairs of a pool sorted by length and cut into batches; all batches in an order that the
    same generator draws. A pure function of (lengths, seed, step).
    """

    def __init__(self, source_lengths: np.ndarray, target_lengths: np.ndarray, *, batch_size: int) -> None:
        self._lengths = np.stack((source_lengths, target_lengths))
        self._batch_size = batch_size
        self.batches_per_epoch = self._lengths.shape[1] // batch_size
        self._drawn: tuple[tuple[int, int], np.ndarray] | None = None

    def rows(self, *, seed: int, step: int) -> np.ndarray:
        """Indices of the pairs of one optimizer step, int64 of shape (batch_size,)."""
        epoch, batch = divmod(step, self.batches_per_epoch)
        if self._drawn is None or self._drawn[0] != (seed, epoch):
            self._drawn = (seed, epoch), self._draw_epoch(seed, epoch)
        return self._drawn[1][batch]

    def _draw_epoch(self, seed: int, epoch: int) -> np.ndarray:
        generator = philox(seed, epoch)
        drawn = generator.permutation(self._lengths.shape[1])
        drawn = drawn[: self.batches_per_epoch * self._batch_size]
        pool = POOL_BATCHES * self._batch_size
        pools = [drawn[first : first + pool] for first in range(0, len(drawn), pool)]
        order = np.concatenate([rows[np.lexsort(self._lengths[:, rows])] for rows in pools])
        return generator.permutation(order.reshape(-1, self._batch_size))
