"""Positions: added to the token embedding, rotated into queries and keys, or a bias on the logits."""

from dataclasses import dataclass

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from tuneformer.errors import UserError
from tuneformer.models.choice import check_choice
from tuneformer.models.logit_bias import AlibiBias, LogitBias, T5Bias
from tuneformer.models.position_settings import POSITIONS, ROTATING, PositionSettings
from tuneformer.models.position_table import PositionTable
from tuneformer.models.rotary import (
    RotaryPositions,
    ntk_frequencies,
    rope_frequencies,
    yarn_frequencies,
    yarn_magnitude,
)


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

    def forward(
        self, start: int, n_tokens: int, positions: Int[Tensor, "batch time"] | None = None
    ) -> Float[Tensor, "*batch time d_model"]:
        """Return the vectors to add to the embedding; `positions`: as `RotaryPositions` has them."""
        rows = self.rows(start + n_tokens)
        return rows[start : start + n_tokens] if positions is None else rows[positions]


class LearnedPositions(nn.Module):
    """A trained vector for each position, `n_positions` of them."""

    def __init__(self, *, d_model: int, n_positions: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.empty(n_positions, d_model))

    def forward(
        self, start: int, n_tokens: int, positions: Int[Tensor, "batch time"] | None = None
    ) -> Float[Tensor, "*batch time d_model"]:
        """Return the vectors to add to the embedding; `positions`: as `RotaryPositions` has them.

        Raises:
            UserError: there are fewer positions than that.
        """
        n_positions = self.weight.shape[0]
        if start + n_tokens > n_positions:
            raise UserError(
                f"data.context_length={n_positions} with model.positions=learned has no position for"
                f" {start + n_tokens} tokens: give at most {n_positions}"
            )
        return self.weight[start : start + n_tokens] if positions is None else self.weight[positions]


@dataclass(frozen=True, kw_only=True)
class PositionScheme:
    """Where the positions of a model go.

    Attributes:
        settings: what they are set to.
        n_positions: the context that the model serves.
    """

    settings: PositionSettings
    n_positions: int

    @property
    def name(self) -> str:
        """One of POSITIONS."""
        return self.settings.positions

    def embedding(self, *, d_model: int) -> nn.Module | None:
        """Return what is added to the token embedding, None where nothing is."""
        check_choice("model.positions", self.name, POSITIONS)
        if self.name == "learned":
            return LearnedPositions(d_model=d_model, n_positions=self.n_positions)
        if self.name == "sinusoidal":
            return SinusoidalPositions(d_model=d_model, n_positions=self.n_positions)
        return None

    def head_positions(self, *, head_dim: int) -> RotaryPositions | None:
        """Return what rotates queries and keys, None where nothing does.

        Raises:
            UserError: the dimension to rotate is not a positive even number: pairs are rotated.
        """
        check_choice("model.positions", self.name, POSITIONS)
        if self.name not in ROTATING:
            return None
        dim, fraction = head_dim, self.settings.rope_fraction
        base, scale = self.settings.rope_base, self.settings.rope_scale
        if self.name == "partial_rope":
            dim = round(fraction * head_dim / 2) * 2
        if dim % 2 or dim == 0:
            raise UserError(
                f"model.positions={self.name} rotates pairs: the head dimension must be even, not {head_dim}"
                " (model.d_model / model.n_heads)"
                + (f", and model.rope_fraction={fraction} of it a pair or more" if not dim else "")
            )
        frequencies = rope_frequencies(dim, base=base)
        if self.name == "ntk":
            frequencies = ntk_frequencies(dim, base=base, scale=scale)
        if self.name == "yarn":
            trained = self.n_positions / scale
            frequencies = yarn_frequencies(dim, base=base, scale=scale, trained_context=trained)
        magnitude = yarn_magnitude(scale) if self.name == "yarn" else 1.0
        return RotaryPositions(frequencies=frequencies, magnitude=magnitude, n_positions=self.n_positions)

    def logit_bias(self, *, n_heads: int, causal: bool) -> LogitBias | None:
        """Return what is added to the logits of a layer, None where nothing is."""
        check_choice("model.positions", self.name, POSITIONS)
        if self.name == "alibi":
            return AlibiBias(n_heads=n_heads)
        if self.name == "t5":
            return T5Bias(
                n_heads=n_heads,
                n_buckets=self.settings.t5_buckets,
                max_distance=self.settings.t5_max_distance,
                causal=causal,
            )
        return None
