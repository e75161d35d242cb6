"""Tables of numbers that follow from a position."""

from abc import ABC, abstractmethod
from collections.abc import Callable

import torch
from jaxtyping import Float
from torch import Tensor, nn


class PositionTable(nn.Module, ABC):
    """A table with a row for each position, computed and never learned.

    It is computed in float64 and kept in float32 (float64 in a float64 model), also when the
    model is cast to bfloat16, whose eight bits could not tell neighbouring angles apart. It is
    not saved in checkpoints, and grows when a longer sequence asks for more rows.
    """

    table: Tensor

    def __init__(self, *, n_positions: int) -> None:
        super().__init__()
        # a placeholder with the device of a parameter made here; `compute` needs the subclass
        self.register_buffer("table", torch.empty(n_positions, 0), persistent=False)

    @abstractmethod
    def compute(self, positions: Float[Tensor, " time"]) -> Tensor:
        """Return the float64 rows of these positions."""

    def fill(self, n_positions: int) -> None:
        """Compute the first `n_positions` rows, on the table's device; on meta they have a shape alone."""
        dtype = torch.float64 if self.table.dtype == torch.float64 else torch.float32
        if self.table.is_meta:
            row = self.compute(torch.zeros(1, dtype=torch.float64, device="cpu"))
            self.table = torch.empty(n_positions, *row.shape[1:], dtype=dtype, device="meta")
            return
        rows = self.compute(torch.arange(n_positions, dtype=torch.float64, device="cpu"))
        self.table = rows.to(dtype).to(self.table.device)

    def rows(self, n_positions: int) -> Tensor:
        """Return the table with `n_positions` rows or more."""
        if n_positions > self.table.shape[0]:
            self.fill(n_positions)
        return self.table

    def _apply(self, fn: Callable[[Tensor], Tensor], recurse: bool = True) -> "PositionTable":
        super()._apply(fn, recurse)
        self.fill(self.table.shape[0])  # a cast rounds, and to_empty leaves no values
        return self
