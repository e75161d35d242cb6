"""MARS."""

from typing import Any

from torch import Tensor

from tuneformer.optim.tensorwise import TensorwiseOptimizer, moments


class MARS(TensorwiseOptimizer):
    """AdamW on variance-reduced gradients, MARS-AdamW in its approximate form (2411.10438, algorithm 2).

    c = g + gamma beta1 / (1 - beta1) (g - gradient of the step before), scaled to a norm of at most 1
    for each tensor; then AdamW on c. The first step has no gradient before and takes c = g. Vectors train
    by AdamW at lr * lr_1d_ratio with betas_1d, as in the authors' experiments.
    """

    def update(
        self, theta: Tensor, g: Tensor, state: dict[str, Any], group: dict[str, Any], name: str
    ) -> None:
        rate, c, settings = group["lr"], g, group
        if theta.ndim < 2:
            rate, settings = rate * group["lr_1d_ratio"], group | {"betas": group["betas_1d"]}
        else:
            before = state.pop("last_grad", g)
            beta1 = group["betas"][0]
            c = g + group["gamma"] * beta1 / (1 - beta1) * (g - before)
            c = c / c.norm().clamp(min=1)
        m, v = moments(state, c, settings)
        if theta.ndim >= 2:
            state["last_grad"] = g.clone()
        theta.mul_(1 - rate * group["weight_decay"]).sub_(m / (v.sqrt() + group["eps"]), alpha=rate)
