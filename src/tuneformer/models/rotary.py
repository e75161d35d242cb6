"""Positions rotated into queries and keys, and how they stretch to longer texts."""

import math
from collections.abc import Sequence

import torch
from jaxtyping import Float, Int
from torch import Tensor

from tuneformer.errors import UserError
from tuneformer.models.position_table import PositionTable

# turns over the context it was trained on, below which YaRN stretches a pair wholly, above which not at all
YARN_FEW_TURNS, YARN_MANY_TURNS = 1.0, 32.0


class RotaryPositions(PositionTable):
    """RoPE (arXiv 2104.09864): rotate each pair of neighbouring numbers by an angle per position.

    (x_2i, x_2i+1) at position p is turned by p * frequencies[i], so that the product of a query and a key
    depends on their distance only. Numbers after the last pair stay as they are (partial RoPE, GPT-NeoX,
    2204.06745). The rotated ones are multiplied by `magnitude` (YaRN).
    """

    def __init__(self, *, frequencies: Sequence[float], magnitude: float, n_positions: int) -> None:
        super().__init__(n_positions=n_positions)
        self.frequencies = list(frequencies)
        self.magnitude = magnitude
        self.fill(n_positions)

    def compute(self, positions: Float[Tensor, " time"]) -> Float[Tensor, "time pair 2"]:
        """Return cos and sin of every angle, times the magnitude."""
        angles = torch.outer(positions, torch.tensor(self.frequencies, dtype=torch.float64, device="cpu"))
        return self.magnitude * torch.stack((angles.cos(), angles.sin()), dim=-1)

    def forward(
        self,
        q: Float[Tensor, "batch time head dim"],
        k: Float[Tensor, "batch time kv_head dim"],
        start: int,
        positions: Int[Tensor, "batch time"] | None = None,
    ) -> tuple[Float[Tensor, "batch time head dim"], Float[Tensor, "batch time kv_head dim"]]:
        """Rotate queries and keys whose first one stands at position `start`.

        `positions`: where they stand each, before the end of those from `start` on.
        """
        end = start + q.shape[1]
        rows = self.rows(end)
        table = (rows[start:end] if positions is None else rows[positions]).unsqueeze(-3)  # (T, 1, D/2, 2)
        return rotate(q, table), rotate(k, table)


def rope_frequencies(dim: int, *, base: float) -> list[float]:
    """Return base^(-2i / dim), the angle per position of each pair of `dim` numbers (2104.09864, 3.3)."""
    return [base ** (-2 * i / dim) for i in range(dim // 2)]


def ntk_frequencies(dim: int, *, base: float, scale: float) -> list[float]:
    """Return RoPE's with base * scale^(dim / (dim - 2)): the slowest turns `scale` times slower.

    The fastest is as it was ("NTK-aware" scaling, 2309.00071). One pair has only a fastest.
    """
    stretched = base if dim == 2 else base * scale ** (dim / (dim - 2))
    return rope_frequencies(dim, base=stretched)


def yarn_frequencies(dim: int, *, base: float, scale: float, trained_context: float) -> list[float]:
    """Return (1 - g) theta / scale + g theta: what turns often within the old context stays as it is.

    g falls linearly in the number of the pair, from 1 at the last pair that turns 32 times or more over
    `trained_context` positions to 0 at the first that turns once or less ("NTK-by-parts", 2309.00071, with
    its alpha and beta for LLaMA). Linear in the pair, and between whole pairs, is the authors' code and
    what published weights were trained with; the paper's g is linear in the turns.

    Raises:
        UserError: the pairs do not slow down one after the other.
    """
    if base <= 1:
        raise UserError(f"model.rope_base={base} must be greater than 1 with model.positions=yarn")
    frequencies = rope_frequencies(dim, base=base)
    first = max(math.floor(pair_that_turns(YARN_MANY_TURNS, dim, base, trained_context)), 0)
    last = min(math.ceil(pair_that_turns(YARN_FEW_TURNS, dim, base, trained_context)), dim - 1)
    width = max(last - first, 0.001)
    kept = [1 - min(1.0, max(0.0, (pair - first) / width)) for pair in range(len(frequencies))]
    return [(1 - g) * theta / scale + g * theta for g, theta in zip(kept, frequencies, strict=True)]


def pair_that_turns(turns: float, dim: int, base: float, context: float) -> float:
    """Return the pair, in between of two as a rule, that turns so often over `context` positions."""
    return dim * math.log(context / (2 * math.pi * turns)) / (2 * math.log(base))


def yarn_magnitude(scale: float) -> float:
    """Return 0.1 ln(scale) + 1, for queries and keys each: logits get its square (2309.00071)."""
    return 0.1 * math.log(scale) + 1


def rotate(
    x: Float[Tensor, "batch time head dim"], table: Float[Tensor, "*batch time 1 pair 2"]
) -> Float[Tensor, "batch time head dim"]:
    """Turn the pairs that the table has; what lies after them stays."""
    # uncompiled, one complex product takes a third of the time; compiled, only real numbers fuse
    turn = rotate_real if torch.compiler.is_compiling() else rotate_complex
    n_turned = 2 * table.shape[-2]
    if n_turned == x.shape[-1]:
        return turn(x, table)
    return torch.cat((turn(x[..., :n_turned], table), x[..., n_turned:]), dim=-1)


def rotate_complex(
    x: Float[Tensor, "batch time head dim"], table: Float[Tensor, "*batch time 1 pair 2"]
) -> Float[Tensor, "batch time head dim"]:
    """Multiply each pair, as a complex number, by cos + i sin; in the precision of the table."""
    pairs = torch.view_as_complex(x.to(table.dtype).unflatten(-1, (-1, 2)))
    return torch.view_as_real(pairs * torch.view_as_complex(table)).flatten(-2).to(x.dtype)


def rotate_real(
    x: Float[Tensor, "batch time head dim"], table: Float[Tensor, "*batch time 1 pair 2"]
) -> Float[Tensor, "batch time head dim"]:
    """The same in real arithmetic."""
    first, second = x.to(table.dtype).unflatten(-1, (-1, 2)).unbind(-1)
    cos, sin = table.unbind(-1)
    rotated = torch.stack((first * cos - second * sin, first * sin + second * cos), dim=-1)
    return rotated.flatten(-2).to(x.dtype)
