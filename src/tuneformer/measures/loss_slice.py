"""The loss along random directions through the weights."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

import torch
from jaxtyping import Float
from torch import Tensor


def filter_normalised_direction(parameters: Sequence[Tensor], *, seed: int) -> list[Tensor]:
    """Return a random direction with the length of each filter: d_ij <- d_ij |w_ij| / |d_ij| (1712.09913).

    A filter is what makes one output: a row of a matrix. Biases and gains are left where they are, as the
    paper does: their direction is 0. So slices of networks with weights of different size can be compared.
    Drawn on the CPU: the same on every device.

    Args:
        parameters: of the model.
        seed: of the numbers drawn.
    """
    generator = torch.Generator().manual_seed(seed)
    return [_direction(parameter.detach(), generator) for parameter in parameters]


def loss_along(
    loss: Callable[[], Tensor],
    parameters: Sequence[Tensor],
    direction: Sequence[Tensor],
    *,
    at: Sequence[float],
) -> Float[Tensor, " point"]:
    """Return loss(w + a d) for each a; at 0 it is the loss (1712.09913, section 4).

    The parameters are put back bit for bit, also after an error. Null: the same slice at initialisation.

    Args:
        loss: computes it anew, without randomness.
        parameters: those that move.
        direction: d, a tensor for each: `filter_normalised_direction`.
        at: the values of a; a = 1 moves every filter by its own length.
    """
    return loss_plane(loss, parameters, direction, direction, at=at, across=[0.0])[:, 0]


def loss_plane(
    loss: Callable[[], Tensor],
    parameters: Sequence[Tensor],
    first: Sequence[Tensor],
    second: Sequence[Tensor],
    *,
    at: Sequence[float],
    across: Sequence[float],
) -> Float[Tensor, "point across"]:
    """Return loss(w + a d + b e) for each a and b; see `loss_along`.

    Args:
        loss: see `loss_along`.
        parameters: see `loss_along`.
        first: d.
        second: e; random directions in many dimensions are nearly orthogonal.
        at: the values of a.
        across: the values of b.
    """
    rows = []
    with torch.no_grad(), _put_back(parameters) as centre:
        for a in at:
            row = []
            for b in across:
                for parameter, w, d, e in zip(parameters, centre, first, second, strict=True):
                    parameter.copy_(w + a * d + b * e)
                row.append(loss().detach().double())
            rows.append(torch.stack(row))
    return torch.stack(rows)


@contextmanager
def _put_back(parameters: Sequence[Tensor]) -> Iterator[list[Tensor]]:
    centre = [parameter.detach().clone() for parameter in parameters]
    try:
        yield centre
    finally:
        with torch.no_grad():
            for parameter, w in zip(parameters, centre, strict=True):
                parameter.copy_(w)


def _direction(w: Tensor, generator: torch.Generator) -> Tensor:
    if w.dim() < 2:
        return torch.zeros_like(w)
    d = torch.randn(w.shape, generator=generator, dtype=torch.float64).to(w)
    filters = tuple(range(1, w.dim()))
    norm = torch.linalg.vector_norm
    return d * (norm(w, dim=filters, keepdim=True) / norm(d, dim=filters, keepdim=True))
