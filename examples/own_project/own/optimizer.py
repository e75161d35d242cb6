"""An optimizer with a state of its own."""

from collections.abc import Callable, Iterable
from typing import Annotated, Any

import torch
from torch.optim import Optimizer

from tuneformer.config.ranges import BELOW_ONE, NOT_NEGATIVE, POSITIVE, Number
from tuneformer.config.setting import Setting
from tuneformer.optim.facts import Facts


class UnitMomentum(Optimizer):
    """m <- momentum m + (1 - momentum) g; theta <- theta - lr (m / RMS(m) + weight_decay theta)."""

    facts = Facts(width_exponent=1.0)

    def __init__(
        self,
        params: Iterable[Any],
        *,
        lr: Annotated[Number, Setting("peak rate", POSITIVE, search=(1e-3, 6.4e-2))],
        momentum: Annotated[Number, Setting("decay of the momentum", BELOW_ONE)],
        weight_decay: Annotated[
            Number, Setting("weight decay", NOT_NEGATIVE, unit="per step and unit of lr")
        ],
    ) -> None:
        super().__init__(params, {"lr": lr, "momentum": momentum, "weight_decay": weight_decay})

    @torch.no_grad()
    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        """One step; `closure` is called once, before."""
        loss = None
        if closure is not None:
            with torch.enable_grad():
                loss = closure()
        for group in self.param_groups:
            for parameter in group["params"]:
                if parameter.grad is not None:
                    self._move(parameter, group)
        return loss

    def _move(self, parameter: torch.Tensor, group: dict[str, Any]) -> None:
        state = self.state[parameter]
        if "mean" not in state:
            state["mean"] = torch.zeros_like(parameter)
        mean = state["mean"].lerp_(parameter.grad, 1 - group["momentum"])
        size = mean.square().mean().sqrt().clamp(min=1e-12)
        parameter.mul_(1 - group["lr"] * group["weight_decay"]).add_(mean / size, alpha=-group["lr"])
