"""NorMuon."""

from typing import Any

import torch
from torch import Tensor

from tuneformer.optim.newton_schulz import newton_schulz
from tuneformer.optim.tensorwise import TensorwiseOptimizer


class NorMuon(TensorwiseOptimizer):
    """Muon with a second moment for each neuron (2510.05491, algorithm 1); for matrices alone.

    M <- momentum M + (1 - momentum) g;  O = NewtonSchulz(M), with `nesterov` of (1 - momentum) g + momentum M
    v <- beta2 v + (1 - beta2) mean of O^2 over columns;  U = O / (sqrt(v) + eps)
    theta <- theta - lr weight_decay theta - 0.2 lr sqrt(rows columns) / ||U||_F U
    """

    def update(
        self, theta: Tensor, g: Tensor, state: dict[str, Any], group: dict[str, Any], name: str
    ) -> None:
        if not state:
            state["momentum"], state["row_sq"] = torch.zeros_like(g), g.new_zeros(g.shape[0], 1)
        M = state["momentum"].lerp_(g, 1 - group["momentum"])
        ahead = g.lerp(M, group["momentum"]) if group["nesterov"] else M
        O = newton_schulz(ahead, steps=group["ns_steps"])  # noqa: E741 - the paper's name
        v = state["row_sq"].lerp_(O.square().mean(dim=1, keepdim=True), 1 - group["beta2"])
        U = O / (v.sqrt() + group["eps"])
        scale = 0.2 * theta.numel() ** 0.5 / U.norm().clamp(min=group["eps"])
        theta.mul_(1 - group["lr"] * group["weight_decay"]).sub_(scale * U, alpha=group["lr"])
