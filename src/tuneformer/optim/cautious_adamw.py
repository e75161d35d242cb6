"""Cautious AdamW."""

from typing import Any

from torch import Tensor

from tuneformer.optim.tensorwise import TensorwiseOptimizer, moments


class CautiousAdamW(TensorwiseOptimizer):
    """AdamW that moves no coordinate against its gradient (2411.16085, algorithm 1).

    u = mhat / (sqrt(vhat) + eps);  mask = [u g > 0];  d the number of coordinates of the tensor
    theta <- theta - lr d / (sum(mask) + 1) mask u - lr weight_decay theta
    """

    def update(
        self, theta: Tensor, g: Tensor, state: dict[str, Any], group: dict[str, Any], name: str
    ) -> None:
        m, v = moments(state, g, group)
        u = m / (v.sqrt() + group["eps"])
        mask = (u * g > 0).to(u.dtype)
        scale = mask.numel() / (mask.sum() + 1)
        theta.mul_(1 - group["lr"] * group["weight_decay"]).sub_(scale * mask * u, alpha=group["lr"])
