"""Measures of the residual stream, layer by layer."""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from tuneformer.measures.precision import full_precision

States = Float[Tensor, "batch time d_model"]
LARGE, TIMES_MEDIAN = 100.0, 1000.0
"""What is massive: |a| above the first and at least the second times the median (2402.17762)."""


def rank_collapse(states: States) -> float:
    """Return |X - mean over tokens| / |X|, the mean over sequences: 0 where all tokens are the same.

    Attention alone drives it to 0 with depth, skips hold it up (2103.03404, 2206.03126). Null: independent
    tokens of mean 0 have sqrt(1 - 1 / T). NaN where X is 0. Sequences without padding.
    """
    x = full_precision(states)
    rest = x - x.mean(dim=1, keepdim=True)
    norm = torch.linalg.vector_norm
    return float((norm(rest, dim=(1, 2)) / norm(x, dim=(1, 2))).mean())


def residual_norm(states: States) -> float:
    """Return the mean over tokens of |h|. Null: that at initialisation; branches of 0 keep it constant."""
    return float(torch.linalg.vector_norm(full_precision(states), dim=-1).mean())


def kurtosis(activations: Float[Tensor, "*any"]) -> float:
    """Return E x^4 / (E x^2)^2 over all numbers: large where few channels hold nearly everything.

    Null: 3, normal numbers; 1 is the least. NaN where all are 0.
    """
    square = full_precision(activations).double().square()
    return float(square.square().mean() / square.mean().square())


class MassiveActivation(NamedTuple):
    """One number of the residual stream that is far from all others."""

    sequence: int
    token: int
    channel: int
    value: float
    times_median: float


def massive_activations(states: States) -> list[MassiveActivation]:
    """Return the numbers a with |a| > 100 and |a| >= 1000 median |x|, the largest first (2402.17762).

    The median is over the whole tensor. Null: none; of normal numbers |a| stays below 10 medians.
    """
    x = full_precision(states)
    median = float(x.abs().median())
    places = ((x.abs() > LARGE) & (x.abs() >= TIMES_MEDIAN * median)).nonzero().tolist()
    found = []
    for sequence, token, channel in places:
        value = float(x[sequence, token, channel])
        ratio = abs(value) / median if median else float("inf")
        found.append(MassiveActivation(sequence, token, channel, value, ratio))
    return sorted(found, key=lambda one: -abs(one.value))


def linear_cka(x: Float[Tensor, "sample width"], y: Float[Tensor, "sample other"]) -> float:
    """Return |Y^T X|_F^2 / (|X^T X|_F |Y^T Y|_F), columns centred: how alike two layers are (1905.00414).

    1 under rotation and scale. Null: `cka_of_shuffled`; it is far from 0 unless there are many more samples
    than columns. NaN where one is constant.
    """
    x, y = (full_precision(z).double() for z in (x, y))
    x, y = x - x.mean(dim=0), y - y.mean(dim=0)
    norm = torch.linalg.matrix_norm
    return float(norm(y.T @ x) ** 2 / (norm(x.T @ x) * norm(y.T @ y)))


def cka_of_shuffled(
    x: Float[Tensor, "sample width"], y: Float[Tensor, "sample other"], *, seed: int
) -> float:
    """Return the CKA of samples that are paired at random: the null baseline."""
    order = torch.randperm(len(y), generator=torch.Generator().manual_seed(seed))
    return linear_cka(x, y[order.to(y.device)])


def logit_lens(
    states: Sequence[States], unembed: Callable[[Tensor], Tensor]
) -> list[Float[Tensor, "batch time vocab"]]:
    """Return unembed(h_l) of each layer: what the model would say if it ended there (nostalgebraist 2020).

    Of the last layer the logits of the model. Null: a vocabulary's uniform distribution, log V nats.

    Args:
        states: the residual stream, from before the first layer to behind the last.
        unembed: the last norm and the output matrix.
    """
    with torch.no_grad():
        return [unembed(state) for state in states]


def lens_loss(
    logits: Float[Tensor, "batch time vocab"],
    targets: Int[Tensor, "batch time"],
    counts: Bool[Tensor, "batch time"] | None = None,
) -> float:
    """Return the mean of -log p(target), in nats, over the tokens that count."""
    nats = -full_precision(logits).log_softmax(dim=-1).gather(-1, targets.unsqueeze(-1)).squeeze(-1)
    return float(nats.mean() if counts is None else nats[counts].mean())
