"""Measures of weights: their size, their rank, how far they turn."""

import math
from collections.abc import Iterable

import torch
from jaxtyping import Float
from torch import Tensor, nn

from tuneformer.measures.precision import full_precision


def stable_rank(matrix: Float[Tensor, "row column"]) -> float:
    """Return |W|_F^2 / |W|_2^2, the number of directions in which a matrix is large.

    The identity has d, a matrix of rank one 1, and 0 has none (NaN), nor has one that is not finite; it is
    never above the rank. Null: `stable_rank_of_noise`. In float32 at least.
    """
    if not matrix.isfinite().all():
        return math.nan  # LAPACK raises an error
    singular = torch.linalg.svdvals(full_precision(matrix))
    return float(singular.square().sum() / singular[0].square())


def stable_rank_of_noise(rows: int, columns: int) -> float:
    """Return m n / (sqrt(m) + sqrt(n))^2, that of a large matrix of independent numbers of mean 0.

    Its largest singular value tends to sqrt(m) + sqrt(n) standard deviations (Geman 1980).
    """
    return rows * columns / (math.sqrt(rows) + math.sqrt(columns)) ** 2


def weight_norm(weights: Iterable[Tensor]) -> Tensor:
    """Return |W|, the root of the sum of squares over all the tensors. Null: the same at initialisation.

    Of tensors that are spread over devices the norm is too, as a DTensor of one number.
    """
    return nn.utils.get_total_norm([full_precision(tensor) for tensor in weights])


def effective_lr_of_gradients(lr: float, norm: float) -> float:
    """Return lr / |W|^2: what turns weights whose scale does not matter, as before a norm (1706.05350).

    Of such weights the gradient shrinks as 1 / |W|, and a step of lr g turns W by lr |g| / |W|. For updates
    in proportion to the gradient: SGD.
    """
    return lr / norm**2


def effective_lr_of_unit_updates(lr: float, norm: float) -> float:
    """Return lr / |W|: the same for updates whose size does not follow the gradient's (Adam, signs, Muon)."""
    return lr / norm


def rotation(before: Tensor, after: Tensor) -> float:
    """Return the angle between weights before and after a step, in radians: 2 atan2(|u - v|, |u + v|).

    u and v are the two, as vectors of length 1; the form is exact for small angles, unlike arccos. NaN where
    one is 0. Null: `equilibrium_rotation`.
    """
    u, v = (w.detach().double() / torch.linalg.vector_norm(w.detach().double()) for w in (before, after))
    norm = torch.linalg.vector_norm
    return float(2 * torch.atan2(norm(u - v), norm(u + v)))


def equilibrium_rotation(*, lr: float, weight_decay: float, beta1: float) -> float:
    """Return sqrt(2 lr wd (1 - b1) / (1 + b1)), the angle of AdamW's steps in equilibrium (2305.17212).

    Noise lengthens W, by lr^2 d a step in the square once the momentum is spent, and decay shortens it, by
    2 lr wd |W|^2: |W|^2 = lr d / (2 wd). A step has length lr sqrt(d (1 - b1) / (1 + b1)). It is what a
    tensor of d numbers whose scale does not matter comes to; more says that it still travels, less that it
    is held. Radians.
    """
    return math.sqrt(2 * lr * weight_decay * (1 - beta1) / (1 + beta1))
