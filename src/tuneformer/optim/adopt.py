"""ADOPT."""

from typing import Any

import torch
from torch import Tensor

from tuneformer.optim.tensorwise import TensorwiseOptimizer


class ADOPT(TensorwiseOptimizer):
    """Adam that divides by the second moment of the steps before (2411.02853, algorithm 2).

    The first gradient sets v = g^2; theta only decays. From then on, with t = 1, 2, ...:
    m <- beta1 m + (1 - beta1) clip(g / max(sqrt(v), eps), t^clip_power)
    theta <- theta - lr (m + weight_decay theta);  v <- beta2 v + (1 - beta2) g^2
    """

    def update(
        self, theta: Tensor, g: Tensor, state: dict[str, Any], group: dict[str, Any], name: str
    ) -> None:
        beta1, beta2 = group["betas"]
        theta.mul_(1 - group["lr"] * group["weight_decay"])
        if not state:
            state["exp_avg"], state["exp_avg_sq"] = torch.zeros_like(g), g.square()
            return
        v = state["exp_avg_sq"]
        limit = (group["step"] - 1) ** group["clip_power"]
        normed = (g / v.sqrt().clamp(min=group["eps"])).clamp(-limit, limit)
        m = state["exp_avg"].lerp_(normed, 1 - beta1)
        theta.sub_(m, alpha=group["lr"])
        v.lerp_(g.square(), 1 - beta2)
