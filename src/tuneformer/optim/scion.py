"""Scion: steepest descent under a norm for each kind of parameter."""

from abc import abstractmethod
from typing import Any

import torch
from torch import Tensor

from tuneformer.optim.newton_schulz import newton_schulz
from tuneformer.optim.root_mean_square import rms
from tuneformer.optim.tensorwise import TensorwiseOptimizer


class NormDescent(TensorwiseOptimizer):
    """d <- momentum d + (1 - momentum) g;  theta <- theta - lr (direction(d) + weight_decay theta).

    Unconstrained Scion (2502.07529, algorithm 1) with weight decay. `direction(d)` is the largest
    descent along d in the unit ball of the norm.
    """

    def update(
        self, theta: Tensor, g: Tensor, state: dict[str, Any], group: dict[str, Any], name: str
    ) -> None:
        if not state:
            state["momentum"] = torch.zeros_like(g)
        d = state["momentum"].lerp_(g, 1 - group["momentum"])
        step = self.direction(d, group)
        theta.mul_(1 - group["lr"] * group["weight_decay"]).sub_(step, alpha=group["lr"])

    @abstractmethod
    def direction(self, d: Tensor, group: dict[str, Any]) -> Tensor:
        """The steepest direction of the norm."""


class SpectralDescent(NormDescent):
    """direction = sqrt(rows / columns) U V^T of d = U S V^T by Newton-Schulz: the RMS-to-RMS norm."""

    def direction(self, d: Tensor, group: dict[str, Any]) -> Tensor:
        return (d.shape[0] / d.shape[1]) ** 0.5 * newton_schulz(d, steps=group["ns_steps"])


class SignDescent(NormDescent):
    """direction = sign(d) / columns for a matrix, d / (RMS(d) + eps) for a vector, as the authors' code.

    The largest element of a matrix counts, and the root mean square of a vector.
    """

    def direction(self, d: Tensor, group: dict[str, Any]) -> Tensor:
        if d.ndim > 1:
            return d.sign() / d.shape[-1]
        return d / (rms(d) + group["eps"])
