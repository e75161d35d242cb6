"""The frame of an optimizer that steps one tensor after the other."""

from abc import abstractmethod
from collections.abc import Callable
from inspect import Parameter, Signature, signature
from typing import Any

import torch
from torch import Tensor
from torch.optim import Optimizer

from tuneformer.config.described import settings_object
from tuneformer.config.setting import arguments_of


class TensorwiseOptimizer(Optimizer):
    """A subclass gives `update`; `group["step"]` counts the steps, from 1 within the first.

    A class with a settings object is built with what that describes, by keyword: it is the class's signature.
    One without has a constructor of its own, which gives its settings as `torch.optim.Optimizer` takes them.
    """

    def __init_subclass__(cls) -> None:
        described = settings_object("optimizer", f"{cls.__module__}.{cls.__qualname__}")
        if described is None:
            return
        names = arguments_of(described)
        cls.__signature__ = Signature(
            [
                Parameter("params", Parameter.POSITIONAL_OR_KEYWORD),
                *(Parameter(name, Parameter.KEYWORD_ONLY) for name in names),
            ]
        )

    def __init__(self, params: Any, defaults: dict[str, Any] | None = None, **settings: Any) -> None:
        """Raises TypeError for other settings than those described."""
        if defaults is None:
            signature(type(self)).bind(params, **settings)
        super().__init__(params, settings if defaults is None else defaults)

    @torch.no_grad()
    def step(self, closure: Callable[[], Any] | None = None) -> Any:  # pyright: ignore[reportIncompatibleMethodOverride]
        """One step on every parameter that has a gradient; `closure` is called once, before."""
        loss = None
        if closure is not None:
            with torch.enable_grad():
                loss = closure()
        for group in self.param_groups:
            group["step"] = group.get("step", 0) + 1
            names = group.get("param_names", [""] * len(group["params"]))
            for name, parameter in zip(names, group["params"], strict=True):
                if parameter.grad is not None:
                    self.update(parameter, parameter.grad, self.state[parameter], group, name)
        return loss

    @abstractmethod
    def update(
        self, theta: Tensor, g: Tensor, state: dict[str, Any], group: dict[str, Any], name: str
    ) -> None:
        """Change `theta` in place by its gradient `g`, which stays as it is; `name` may be empty."""


def moments(state: dict[str, Any], g: Tensor, group: dict[str, Any]) -> tuple[Tensor, Tensor]:
    """Adam's m and v after this gradient, each divided by 1 - beta^step (1412.6980, algorithm 1)."""
    (beta1, beta2), t = group["betas"], group["step"]
    if not state:
        state["exp_avg"], state["exp_avg_sq"] = torch.zeros_like(g), torch.zeros_like(g)
    m = state["exp_avg"].lerp_(g, 1 - beta1)
    v = state["exp_avg_sq"].lerp_(g.square(), 1 - beta2)
    return m / (1 - beta1**t), v / (1 - beta2**t)


def where_gradient_was(step: Tensor, momentum: Tensor) -> Tensor:
    """`step` of a matrix, 0 in the rows and columns where `momentum` is all 0: they had no gradient."""
    had = momentum != 0
    return step * (had.any(dim=1, keepdim=True) & had.any(dim=0, keepdim=True))


def at_least_float32(tensor: Tensor) -> Tensor:
    """The tensor itself, or a copy in float32 of one in 16 bits, which LAPACK does not take."""
    return tensor.float() if tensor.element_size() < torch.float32.itemsize else tensor
