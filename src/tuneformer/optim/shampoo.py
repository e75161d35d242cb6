"""Shampoo."""

from typing import Any

import torch
from torch import Tensor

from tuneformer.optim.tensorwise import TensorwiseOptimizer, at_least_float32, where_gradient_was


class Shampoo(TensorwiseOptimizer):
    """theta <- theta - lr (L^power M R^power + weight_decay theta) for matrices (1802.09568, algorithm 1).

    L <- beta2 L + (1 - beta2) g g^T and R <- beta2 R + (1 - beta2) g^T g, from 0; with beta2 = 1 the sums
    of the paper. eps times the largest is added to their eigenvalues. M <- momentum M + (1 - momentum) g,
    corrected by 1 - momentum^t. The powers are computed anew every `every` steps, from the first on, and
    at each step while they are 0, which the power of 0 counts as: what has no gradient gets no step.
    """

    def update(
        self, theta: Tensor, g: Tensor, state: dict[str, Any], group: dict[str, Any], name: str
    ) -> None:
        if not state:
            state["momentum"] = torch.zeros_like(g)
            for side, size in zip(("left", "right"), g.shape, strict=True):
                state[side] = g.new_zeros(size, size)
                state[f"{side}_power"] = g.new_zeros(size, size)
        beta2, t = group["beta2"], group["step"]
        old, new = (1.0, 1.0) if beta2 == 1 else (beta2, 1 - beta2)
        state["left"].mul_(old).add_(g @ g.mT, alpha=new)
        state["right"].mul_(old).add_(g.mT @ g, alpha=new)
        if (t - 1) % group["every"] == 0 or not state["left_power"].any():
            correction = 1.0 if beta2 == 1 else 1 - beta2**t
            for side in ("left", "right"):
                state[f"{side}_power"] = matrix_power(state[side] / correction, group["power"], group["eps"])
        M = state["momentum"].lerp_(g, 1 - group["momentum"])
        step = state["left_power"] @ (M / (1 - group["momentum"] ** t)) @ state["right_power"]
        step = where_gradient_was(step, M)
        theta.mul_(1 - group["lr"] * group["weight_decay"]).sub_(step, alpha=group["lr"])


def matrix_power(matrix: Tensor, power: float, eps: float) -> Tensor:
    """Q (E + eps max(E))^power Q^T for the symmetric matrix Q E Q^T without negative eigenvalues.

    0 for the matrix 0, NaN for one that is not finite. In float32 at least, and of the matrix over its
    largest element, whose power is multiplied in afterwards: the square of a small gradient has no room
    for eps.
    """
    largest = matrix.abs().max()
    if not largest.isfinite():
        return torch.full_like(matrix, torch.nan)
    if largest == 0:
        return torch.zeros_like(matrix)
    values, Q = torch.linalg.eigh(at_least_float32(matrix / largest))
    raised = (Q * (values.clamp(min=0) + eps * values.max()) ** power) @ Q.mT
    return (raised * at_least_float32(largest) ** power).to(matrix.dtype)
