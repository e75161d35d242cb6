"""Sharpness-aware minimisation around any optimizer."""

from collections.abc import Callable
from functools import partial
from typing import Any

import torch
from torch.optim import Optimizer

from tuneformer.config.ranges import Number
from tuneformer.optim.wrapped import Wrapped


class SAM(Wrapped):
    """`base` on the gradient at the worst point nearby (2010.01412, algorithm 1).

    theta' = theta + rho g / ||g||, the norm over all parameters; then `base` steps theta by the gradient
    at theta'. Each step calls its closure, which computes loss and gradients, twice.
    """

    def __init__(
        self, params: Any, *, lr: Number, weight_decay: Number, rho: Number, base: "partial[Optimizer]"
    ) -> None:
        super().__init__(base(params, lr=lr, weight_decay=weight_decay))
        self.rho = rho

    def step(self, closure: Callable[[], Any] | None = None) -> Any:  # pyright: ignore[reportIncompatibleMethodOverride]
        """The loss is that at theta."""
        assert closure is not None, "SAM needs the gradient at two points"
        with torch.enable_grad():
            loss = closure()
        before = self._climb()
        with torch.enable_grad():
            closure()
        with torch.no_grad():
            for parameter, weights in before:
                parameter.copy_(weights)
        self.base.step()
        return loss

    @torch.no_grad()
    def _climb(self) -> list[tuple[Any, Any]]:
        moved = [p for group in self.param_groups for p in group["params"] if p.grad is not None]
        gradients = [parameter.grad for parameter in moved]
        norm = torch.nn.utils.get_total_norm(gradients).clamp(min=torch.finfo(torch.float32).tiny)
        before = [(parameter, parameter.clone()) for parameter in moved]
        for parameter, gradient in zip(moved, gradients, strict=True):
            parameter.add_(gradient * (self.rho / norm))
        return before
