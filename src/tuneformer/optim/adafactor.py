"""Adafactor."""

from typing import Any

from torch import Tensor

from tuneformer.optim.root_mean_square import rms
from tuneformer.optim.tensorwise import TensorwiseOptimizer


class Adafactor(TensorwiseOptimizer):
    """Adam's second moment in factors, steps relative to the weights (1804.04235, algorithms 4 and 5).

    beta2_t = 1 - t^beta2_decay;  s = g^2 + eps[0]
    R <- beta2_t R + (1 - beta2_t) mean of s over columns, C the same over rows;  V = R C / mean(R)
    (a vector has V itself averaged);  u = g / sqrt(V), divided by max(1, RMS(u) / d)
    theta <- theta - lr weight_decay theta - min(lr, 1 / sqrt(t)) max(eps[1], RMS(theta)) u

    u is g over one root after the other, since R C itself underflows in float32.
    """

    def update(
        self, theta: Tensor, g: Tensor, state: dict[str, Any], group: dict[str, Any], name: str
    ) -> None:
        t, lr, (eps1, eps2) = group["step"], group["lr"], group["eps"]
        u = self._normalised(g, g.square() + eps1, state, t ** group["beta2_decay"])
        u /= (rms(u) / group["d"]).clamp(min=1)
        size = rms(theta).clamp(min=eps2)
        theta.mul_(1 - lr * group["weight_decay"]).sub_(size * u, alpha=min(lr, t**-0.5))

    def _normalised(self, g: Tensor, squares: Tensor, state: dict[str, Any], new: float) -> Tensor:
        """g / sqrt(V), with the weight `new` on this step's squares."""
        if g.ndim < 2:
            return g * _averaged(state, "variance", squares, new).rsqrt()
        R = _averaged(state, "row_var", squares.mean(dim=-1, keepdim=True), new)
        C = _averaged(state, "col_var", squares.mean(dim=-2, keepdim=True), new)
        return g * R.rsqrt() * C.rsqrt() * R.mean(dim=-2, keepdim=True).sqrt()


def _averaged(state: dict[str, Any], name: str, value: Tensor, new: float) -> Tensor:
    if name not in state:
        state[name] = value.clone()  # the first step of a run has new = 1
    return state[name].lerp_(value, new)
