"""The diagonal of the Hessian, estimated."""

from collections.abc import Sequence
from typing import Protocol, runtime_checkable

import torch
from torch import Tensor
from torch.optim import Optimizer

from tuneformer.optim.wrapped import innermost


@runtime_checkable
class WantsHessian(Protocol):
    """An optimizer that now and then needs an estimate of the Hessian's diagonal."""

    def hessian_is_due(self) -> bool:
        """Whether the next step wants one."""
        ...

    def take_hessian(self, estimates: dict[Tensor, Tensor], /) -> None:
        """Receives it, by parameter."""
        ...


def hessian_taker(optimizer: Optimizer) -> WantsHessian | None:
    """The optimizer, or the one inside it, if it wants a Hessian before its next step."""
    inside = innermost(optimizer)
    return inside if isinstance(inside, WantsHessian) and inside.hessian_is_due() else None


def hutchinson_diagonal(loss: Tensor, parameters: Sequence[Tensor]) -> dict[Tensor, Tensor]:
    """u * (H u) with u from a standard normal, whose mean is the diagonal of H (2305.14342, algorithm 1).

    H is the Hessian of `loss` in all `parameters` together; one that the loss does not depend on gets 0.
    Draws from torch's default generator.
    """
    gradients = torch.autograd.grad(loss, parameters, create_graph=True, allow_unused=True)
    used = [(p, g) for p, g in zip(parameters, gradients, strict=True) if g is not None and g.requires_grad]
    draws = [torch.randn_like(parameter) for parameter, _ in used]
    along = torch.stack([(g * u).sum() for (_, g), u in zip(used, draws, strict=True)]).sum()
    products = torch.autograd.grad(along, [parameter for parameter, _ in used], allow_unused=True)
    diagonal = {parameter: torch.zeros_like(parameter) for parameter in parameters}
    for (parameter, _), u, product in zip(used, draws, products, strict=True):
        if product is not None:
            diagonal[parameter] = u * product
    return diagonal
