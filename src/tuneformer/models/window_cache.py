"""A cache that forgets what no later token may see."""

from collections.abc import Callable

import torch
from jaxtyping import Float, Int
from torch import Tensor

from tuneformer.models.key_value_cache import LayerCache


class WindowKeyValues(LayerCache):
    """Keys and values of the first `n_first` tokens and of the last ones, and where they stand.

    `oldest(position)` is the oldest token that one at `position` and those after it may see, but for the
    first. Memory is bounded by the window, however long the text.
    """

    def __init__(self, *, n_first: int, oldest: Callable[[int], int]) -> None:
        self.n_first = n_first
        self.oldest = oldest
        self.kept: tuple[Tensor, Tensor, Tensor] | None = None

    def extend(
        self,
        start: int,
        keys: Float[Tensor, "batch kv_head new dim"],
        values: Float[Tensor, "batch kv_head new value"],
    ) -> tuple[
        Float[Tensor, "batch kv_head all dim"],
        Float[Tensor, "batch kv_head all value"],
        Int[Tensor, " all"],
    ]:
        """Add the new tokens, from position `start` on; return what they may see, and the positions of it."""
        end = start + keys.shape[2]
        positions = torch.arange(start, end, device=keys.device)
        if self.kept is not None:
            old_keys, old_values, old_positions = self.kept
            keys = torch.cat((old_keys, keys), dim=2)
            values = torch.cat((old_values, values), dim=2)
            positions = torch.cat((old_positions, positions))
        wanted = (positions < self.n_first) | (positions >= self.oldest(end))
        self.kept = keys[:, :, wanted], values[:, :, wanted], positions[wanted]
        return keys, values, positions

    def select(self, rows: Int[Tensor, " new_batch"]) -> None:
        if self.kept is not None:
            keys, values, positions = self.kept
            self.kept = keys[rows], values[rows], positions
