"""Weight decay of a chosen kind, whatever kind the optimizer has of its own."""

import math
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from torch.optim import Optimizer

from tuneformer.config.ranges import Number
from tuneformer.optim.wrapped import Wrapped


class DecayedApart(Wrapped):
    """`base` without its own weight decay, and decay of one `kind` beside it.

    With w the decay of a group, lr its rate now, s = lr / its peak rate, and u the step of `base`
    (theta_before - theta_after):

        l2            g <- g + w theta, before the step
        decoupled     theta <- theta - u - lr w theta                (1711.05101, as torch has it)
        independent   theta <- theta - u - s w theta                 (1711.05101, algorithm 2; 2309.14322)
        cautious      theta <- theta - u - lr w theta [u theta >= 0] (2510.12402)

    theta on the right is that before the step. All but l2 keep a copy of the weights for the length of a
    step.
    """

    def __init__(self, base: Optimizer, *, kind: str) -> None:
        super().__init__(base)
        self.kind = kind

    def step(self, closure: Callable[[], Any] | None = None) -> Any:  # pyright: ignore[reportIncompatibleMethodOverride]
        decays = [group["weight_decay"] for group in self.param_groups]
        before = [] if self.kind == "l2" else [_copies(group) for group in self.param_groups]
        if self.kind == "l2":
            closure = self._with_penalty(closure, decays)
        try:
            for group in self.param_groups:
                group["weight_decay"] = 0.0
            loss = self.base.step(closure) if closure is not None else self.base.step()
        finally:
            for group, decay in zip(self.param_groups, decays, strict=True):
                group["weight_decay"] = decay
        for group, copies in zip(self.param_groups, before, strict=False):
            self._decay(group, copies)
        return loss

    @torch.no_grad()
    def _decay(self, group: dict[str, Any], before: list[Tensor]) -> None:
        rate = group["lr"] / (group.get("initial_lr", group["lr"]) if self.kind == "independent" else 1.0)
        amount = rate * group["weight_decay"]
        if amount == 0:
            return
        for parameter, old in zip(group["params"], before, strict=True):
            if parameter.grad is None:
                continue
            agrees = (old - parameter) * old >= 0 if self.kind == "cautious" else 1
            parameter.sub_(old * agrees, alpha=amount)

    def _with_penalty(
        self, closure: Callable[[], Any] | None, decays: list[Number]
    ) -> Callable[[], Any] | None:
        @torch.no_grad()
        def add_penalty() -> None:
            for group, decay in zip(self.param_groups, decays, strict=True):
                for parameter in group["params"]:
                    if parameter.grad is not None:
                        parameter.grad.add_(parameter, alpha=decay)

        if closure is None:
            add_penalty()
            return None

        def penalised() -> Any:
            loss = closure()
            add_penalty()
            return loss

        return penalised


def decay_factor(step: int, *, horizon: int, end: Number) -> float:
    """Weight decay at `step` over that at step 0: half a cosine from 1 to `end` (DINO, 2104.14294, 3.1)."""
    progress = min(step, horizon - 1) / max(horizon - 1, 1)
    return end + (1 - end) * (1 + math.cos(math.pi * progress)) / 2


def _copies(group: dict[str, Any]) -> list[Tensor]:
    return [parameter.detach().clone() for parameter in group["params"]]
