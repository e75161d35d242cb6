"""An optimizer that steps tensor by tensor is built as its settings object says, or as its constructor."""

from inspect import signature
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from tuneformer.optim.adopt import ADOPT
from tuneformer.optim.tensorwise import TensorwiseOptimizer

pytestmark = pytest.mark.fast

SETTINGS: dict[str, Any] = {
    "lr": 0.1,
    "betas": (0.9, 0.99),
    "eps": 1e-6,
    "weight_decay": 0.0,
    "clip_power": 0.25,
}


class Descent(TensorwiseOptimizer):
    """A stranger's: a constructor of its own, and no settings object."""

    def __init__(self, params: Any, *, lr: float, by_keyword: bool) -> None:
        if by_keyword:
            super().__init__(params, lr=lr, by_keyword=by_keyword)
        else:
            super().__init__(params, {"lr": lr})

    def update(
        self, theta: Tensor, g: Tensor, state: dict[str, Any], group: dict[str, Any], name: str
    ) -> None:
        theta.sub_(g, alpha=group["lr"])


def test_the_settings_described_are_the_signature_and_nothing_else_is_taken() -> None:
    assert [*signature(ADOPT).parameters] == ["params", *SETTINGS]
    weight = nn.Parameter(torch.ones(2))
    assert ADOPT([weight], **SETTINGS).defaults == SETTINGS
    with pytest.raises(TypeError, match="clip_power"):
        ADOPT([weight], **{name: value for name, value in SETTINGS.items() if name != "clip_power"})
    with pytest.raises(TypeError, match="momentum"):
        ADOPT([weight], **SETTINGS, momentum=0.9)


@pytest.mark.parametrize("by_keyword", [True, False])
def test_a_class_of_ones_own_has_a_constructor_of_its_own(by_keyword: bool) -> None:
    assert [*signature(Descent).parameters] == ["params", "lr", "by_keyword"]
    weight = nn.Parameter(torch.ones(2))
    weight.grad = torch.ones(2)
    Descent([weight], lr=0.25, by_keyword=by_keyword).step()
    assert torch.equal(weight.detach(), torch.full((2,), 0.75))
