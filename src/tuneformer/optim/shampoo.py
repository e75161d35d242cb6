"""Shampoo."""

from typing import Any

import torch
from torch import Tensor

from tuneformer.optim.ranges import Number
from tuneformer.optim.tensorwise import TensorwiseOptimizer


class Shampoo(TensorwiseOptimizer):
    """theta <- theta - lr (L^power M R^power + weight_decay theta) for matrices (1802.09568, algorithm 1).

    L <- beta2 L + (1 - beta2) g g^T and R <- beta2 R + (1 - beta2) g^T g, from 0; with beta2 = 1 the sums
    of the paper. eps times the largest is added to their eigenvalues. M <- momentum M + (1 - momentum) g,
    corrected by 1 - momentum^t. The powers are computed anew every `every` steps, from the first on.
    """

    def __init__(
        self,
        params: Any,
        *,
        lr: Number,
        weight_decay: Number,
        momentum: float,
        beta2: float,
        eps: float,
        power: float,
        every: int,
    ) -> None:
        settings = {"lr": lr, "weight_decay": weight_decay, "momentum": momentum, "beta2": beta2}
        super().__init__(params, settings | {"eps": eps, "power": power, "every": every})

    def update(
        self, theta: Tensor, g: Tensor, state: dict[str, Any], group: dict[str, Any], name: str
    ) -> None:
        if not state:
            state["momentum"] = torch.zeros_like(g)
            state["left"], state["right"] = g.new_zeros((g.shape[0],) * 2), g.new_zeros((g.shape[1],) * 2)
        beta2, t = group["beta2"], group["step"]
        old, new = (1.0, 1.0) if beta2 == 1 else (beta2, 1 - beta2)
        state["left"].mul_(old).add_(g @ g.mT, alpha=new)
        state["right"].mul_(old).add_(g.mT @ g, alpha=new)
        if (t - 1) % group["every"] == 0:
            correction = 1.0 if beta2 == 1 else 1 - beta2**t
            for side in ("left", "right"):
                state[f"{side}_power"] = matrix_power(state[side] / correction, group["power"], group["eps"])
        M = state["momentum"].lerp_(g, 1 - group["momentum"]) / (1 - group["momentum"] ** t)
        step = state["left_power"] @ M @ state["right_power"]
        theta.mul_(1 - group["lr"] * group["weight_decay"]).sub_(step, alpha=group["lr"])


def matrix_power(matrix: Tensor, power: float, eps: float) -> Tensor:
    """Q (E + eps max(E))^power Q^T for the symmetric matrix Q E Q^T without negative eigenvalues."""
    values, Q = torch.linalg.eigh(matrix)
    return (Q * (values.clamp(min=0) + eps * values.max()) ** power) @ Q.mT
