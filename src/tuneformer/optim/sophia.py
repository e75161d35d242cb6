"""Sophia."""

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from tuneformer.optim.tensorwise import TensorwiseOptimizer


class Sophia(TensorwiseOptimizer):
    """Momentum over a clipped diagonal of the Hessian (2305.14342, algorithm 3).

    m <- beta1 m + (1 - beta1) g
    every `every` steps: h <- beta2 h + (1 - beta2) hhat, hhat an estimate of the Hessian's diagonal
    theta <- theta - lr weight_decay theta - lr clip(m / max(gamma h, eps), -1, 1)

    Whoever trains asks `hessian_is_due` before each step, and gives the estimate to `take_hessian`
    (Sophia-H: Hutchinson's, `tuneformer.optim.hutchinson`). Until the first, h is 0.
    """

    def hessian_is_due(self) -> bool:
        """Whether the next step wants a new estimate: the first, and every `every` after it."""
        group = self.param_groups[0]
        return group.get("step", 0) % group["every"] == 0

    @torch.no_grad()
    def take_hessian(self, estimates: Mapping[Tensor, Tensor]) -> None:
        """Average an estimate of the Hessian's diagonal, by parameter, into h."""
        for group in self.param_groups:
            for parameter in group["params"]:
                if parameter in estimates:
                    state = self._state(parameter)
                    state["hessian"].lerp_(estimates[parameter], 1 - group["betas"][1])

    def update(
        self, theta: Tensor, g: Tensor, state: dict[str, Any], group: dict[str, Any], name: str
    ) -> None:
        state = self._state(theta)
        m = state["exp_avg"].lerp_(g, 1 - group["betas"][0])
        step = (m / (group["gamma"] * state["hessian"]).clamp(min=group["eps"])).clamp(-1, 1)
        theta.mul_(1 - group["lr"] * group["weight_decay"]).sub_(step, alpha=group["lr"])

    def _state(self, parameter: Tensor) -> dict[str, Any]:
        state = self.state[parameter]
        if not state:
            state["exp_avg"], state["hessian"] = torch.zeros_like(parameter), torch.zeros_like(parameter)
        return state
