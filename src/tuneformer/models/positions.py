"""Positions: added to the token embedding, or rotated into queries and keys."""

from abc import ABC, abstractmethod
from collections.abc import Callable

import torch
from jaxtyping import Float
from torch import Tensor, nn

from tuneformer.errors import UserError
from tuneformer.models.choice import check_choice


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
        """Compute the first `n_positions` rows, on the device where the table lies."""
        dtype = torch.float64 if self.table.dtype == torch.float64 else torch.float32
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


class RotaryPositions(PositionTable):
    """RoPE (arXiv 2104.09864): rotate each pair of neighbouring numbers by an angle per position.

    (x_2i, x_2i+1) at position p is turned by p * base^(-2i / head_dim), so that the product of a
    query and a key depends on their distance only.
    """

    def __init__(self, *, head_dim: int, n_positions: int, base: float) -> None:
        super().__init__(n_positions=n_positions)
        self.frequencies = [base ** (-2 * i / head_dim) for i in range(head_dim // 2)]
        self.fill(n_positions)

    def compute(self, positions: Float[Tensor, " time"]) -> Float[Tensor, "time pair 2"]:
        """Return cos and sin of every angle."""
        angles = torch.outer(positions, torch.tensor(self.frequencies, dtype=torch.float64, device="cpu"))
        return torch.stack((angles.cos(), angles.sin()), dim=-1)

    def forward(
        self,
        q: Float[Tensor, "batch time head dim"],
        k: Float[Tensor, "batch time kv_head dim"],
        start: int,
    ) -> tuple[Float[Tensor, "batch time head dim"], Float[Tensor, "batch time kv_head dim"]]:
        """Rotate queries and keys whose first one stands at position `start`."""
        end = start + q.shape[1]
        table = self.rows(end)[start:end].unsqueeze(1)  # (T, 1, D/2, 2)
        # uncompiled, one complex product takes a third of the time; compiled, only real numbers fuse
        rotate = rotate_real if torch.compiler.is_compiling() else rotate_complex
        return rotate(q, table), rotate(k, table)


def rotate_complex(
    x: Float[Tensor, "batch time head dim"], table: Float[Tensor, "time 1 pair 2"]
) -> Float[Tensor, "batch time head dim"]:
    """Multiply each pair, as a complex number, by cos + i sin; in the precision of the table."""
    pairs = torch.view_as_complex(x.to(table.dtype).unflatten(-1, (-1, 2)))
    return torch.view_as_real(pairs * torch.view_as_complex(table)).flatten(-2).to(x.dtype)


def rotate_real(
    x: Float[Tensor, "batch time head dim"], table: Float[Tensor, "time 1 pair 2"]
) -> Float[Tensor, "batch time head dim"]:
    """The same in real arithmetic."""
    first, second = x.to(table.dtype).unflatten(-1, (-1, 2)).unbind(-1)
    cos, sin = table.unbind(-1)
    rotated = torch.stack((first * cos - second * sin, first * sin + second * cos), dim=-1)
    return rotated.flatten(-2).to(x.dtype)


class SinusoidalPositions(PositionTable):
    """P(p, 2i) = sin(p / 10000^(2i / d_model)), P(p, 2i + 1) = cos of the same (arXiv 1706.03762, 3.5)."""

    def __init__(self, *, d_model: int, n_positions: int) -> None:
        super().__init__(n_positions=n_positions)
        self.d_model = d_model
        self.fill(n_positions)

    def compute(self, positions: Float[Tensor, " time"]) -> Float[Tensor, "time d_model"]:
        """Return the sines and cosines, interleaved."""
        exponents = torch.arange(0, self.d_model, 2, dtype=torch.float64, device="cpu") / self.d_model
        angles = torch.outer(positions, 10000.0**-exponents)
        return torch.stack((angles.sin(), angles.cos()), dim=-1).flatten(-2)[:, : self.d_model]

    def forward(self, start: int, n_tokens: int) -> Float[Tensor, "time d_model"]:
        """Return the vectors to add to the embedding."""
        return self.rows(start + n_tokens)[start : start + n_tokens]


class LearnedPositions(nn.Module):
    """A trained vector for each position, `n_positions` of them."""

    def __init__(self, *, d_model: int, n_positions: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.empty(n_positions, d_model))

    def forward(self, start: int, n_tokens: int) -> Float[Tensor, "time d_model"]:
        """Return the vectors to add to the embedding.

        Raises:
            UserError: there are fewer positions than that.
        """
        n_positions = self.weight.shape[0]
        if start + n_tokens > n_positions:
            raise UserError(
                f"data.context_length={n_positions} with model.positions=learned has no position for"
                f" {start + n_tokens} tokens: give at most {n_positions}"
            )
        return self.weight[start : start + n_tokens]


POSITIONS = ("rope", "learned", "sinusoidal", "none")


def make_position_embedding(name: str, *, d_model: int, n_positions: int) -> nn.Module | None:
    """Return what `model.positions` adds to the token embedding, None where it adds nothing."""
    check_choice("model.positions", name, POSITIONS)
    if name == "learned":
        return LearnedPositions(d_model=d_model, n_positions=n_positions)
    if name == "sinusoidal":
        return SinusoidalPositions(d_model=d_model, n_positions=n_positions)
    return None


def make_head_positions(name: str, *, head_dim: int, n_positions: int, base: float) -> RotaryPositions | None:
    """Return what `model.positions` does to queries and keys, None where it does nothing.

    Raises:
        UserError: `head_dim` is odd, and the positions rotate pairs.
    """
    check_choice("model.positions", name, POSITIONS)
    if name != "rope":
        return None
    if head_dim % 2:
        raise UserError(
            f"model.positions=rope rotates pairs: the head dimension must be even, not {head_dim}"
            " (model.d_model / model.n_heads)"
        )
    return RotaryPositions(head_dim=head_dim, n_positions=n_positions, base=base)
