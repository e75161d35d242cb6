"""LAMB."""

from typing import Any

from torch import Tensor

from tuneformer.optim.tensorwise import TensorwiseOptimizer, moments


class LAMB(TensorwiseOptimizer):
    """Adam whose step on each tensor has the length of the tensor (1904.00962, algorithm 2).

    u = mhat / (sqrt(vhat) + eps) + weight_decay theta
    theta <- theta - lr min(||theta||, largest_norm) / ||u|| u;  the ratio is 1 where a norm is 0.
    """

    def update(
        self, theta: Tensor, g: Tensor, state: dict[str, Any], group: dict[str, Any], name: str
    ) -> None:
        m, v = moments(state, g, group)
        u = m / (v.sqrt() + group["eps"]) + group["weight_decay"] * theta
        length, size = u.norm(), theta.norm().clamp(max=group["largest_norm"])
        ratio = (size / length).where((length > 0) & (size > 0), 1.0)
        theta.sub_(ratio * u, alpha=group["lr"])
