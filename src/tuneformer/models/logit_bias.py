"""Positions as a bias on attention logits: a number for each head and distance."""

import math
from abc import ABC, abstractmethod

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

Distance = Int[Tensor, "*blocks query key"]


class LogitBias(nn.Module, ABC):
    """What is added to the logit of a query and a key, by how far apart they stand."""

    @abstractmethod
    def forward(self, distance: Distance) -> Float[Tensor, "*blocks head query key"]:
        """Return the bias; `distance`: position of the query minus that of the key."""


class AlibiBias(LogitBias):
    """-m_h |i - j|, m_h the slope of head h (`alibi_slopes`; ALiBi, arXiv 2108.12409, 3).

    Nothing is learned. The paper has no bidirectional form; here what comes after is penalised as what
    lies before.
    """

    def __init__(self, *, n_heads: int) -> None:
        super().__init__()
        self.slopes = alibi_slopes(n_heads)

    def forward(self, distance: Distance) -> Float[Tensor, "*blocks head query key"]:
        """Return the equation above."""
        slopes = torch.tensor(self.slopes, device=distance.device)
        return -slopes[:, None, None] * distance.abs().unsqueeze(-3)


def alibi_slopes(n_heads: int) -> list[float]:
    """Return 2^(-8 h / H) for head h of H = 1, 2, 4, 8, ... heads, from 1.

    Of any other number, as the authors' code: those of the largest such H below it, then every other one
    of 2 H heads, from the first on.
    """
    n = 2 ** (n_heads.bit_length() - 1)
    between = [2 ** (-8 * h / (2 * n)) for h in range(1, 2 * n, 2)]
    return [2 ** (-8 * h / n) for h in range(1, n + 1)] + between[: n_heads - n]


class T5Bias(LogitBias):
    """b_h[bucket(i - j)], a learned number for each head and bucket of distances (T5, arXiv 1910.10683, 2.1).

    The first half of the buckets are single distances, the others grow by a constant factor up to
    `max_distance`; the last holds all beyond. Where a token may see those after it, half of the buckets are
    for those. Each layer has a table of its own (as UMT5, 2304.09151; T5 shares one). It begins at 0.
    """

    def __init__(self, *, n_heads: int, n_buckets: int, max_distance: int, causal: bool) -> None:
        super().__init__()
        self.n_buckets = n_buckets
        self.causal = causal
        self.bounds = bucket_bounds(n_buckets if causal else n_buckets // 2, max_distance=max_distance)
        self.relative_bias = nn.Parameter(torch.empty(n_buckets, n_heads))

    def reset_parameters(self) -> None:
        """Set the table to 0: no distance is preferred."""
        nn.init.zeros_(self.relative_bias)

    def forward(self, distance: Distance) -> Float[Tensor, "*blocks head query key"]:
        """Return the bias of the bucket of each distance."""
        return self.relative_bias[self.bucket(distance)].movedim(-1, -3)

    def bucket(self, distance: Distance) -> Distance:
        """Return the bucket of each distance, from 0."""
        bounds = torch.tensor(self.bounds, device=distance.device)
        if self.causal:  # keys after the query are masked: any bucket will do
            return torch.bucketize(distance, bounds, right=True)
        half = self.n_buckets // 2
        return torch.bucketize(distance.abs(), bounds, right=True) + half * (distance < 0)


def bucket_bounds(n_buckets: int, *, max_distance: int) -> list[int]:
    """Return the first distance of each bucket but the first: 1, 2, ..., then growing by a factor.

    With s = n_buckets // 2 single distances: s (max_distance / s)^(k / (n_buckets - s)), rounded up.
    """
    n_single = n_buckets // 2
    growth = (max_distance / n_single) ** (1 / (n_buckets - n_single))
    # a bound that is whole but for rounding is that number
    beyond = [math.ceil(n_single * growth**k - 1e-9) for k in range(n_buckets - n_single)]
    return [*range(1, n_single), *beyond]
