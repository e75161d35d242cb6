"""Every optimizer on gradients that are zero, tiny, huge or absent: no NaN, and what has none only decays."""

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from tests.optim.conftest import CONF, OWN_DECAY
from tuneformer.config.options import load_option
from tuneformer.optim.build import build_optimizer
from tuneformer.optim.hutchinson import hessian_taker
from tuneformer.optim.param_groups import ParamGroups
from tuneformer.optim.wrapped import innermost

pytestmark = pytest.mark.fast

STEPS = 20
KINDS: dict[str, Callable[[Tensor, int], Tensor | None]] = {
    "a row always zero": lambda g, t: g.index_fill(0, torch.tensor([0]), 0.0),
    "a column always zero": lambda g, t: g.index_fill(-1, torch.tensor([0]), 0.0),
    "zero at first": lambda g, t: g * (t >= 3),
    "zero later": lambda g, t: g * (t < 3),
    "one row at a time": lambda g, t: g * (torch.arange(len(g)) == t % len(g)).view(-1, *[1] * (g.ndim - 1)),
    "1e-20 and rows of zero": lambda g, t: (1e-20 * g).index_fill(0, torch.tensor([0]), 0.0),
    "1e10": lambda g, t: 1e10 * g,
    "1e10 beside 1e-20": lambda g, t: g * torch.logspace(-20, 10, len(g)).view(-1, *[1] * (g.ndim - 1)),
    "none at first": lambda g, t: None if t < 3 else g,
}
IN_BFLOAT16 = ("a row always zero", "zero at first", "1e-20 and rows of zero", "1e10")
DECAYS_OTHERWISE = {
    "lamb": "the decay is part of the step whose length is that of the weights",
    "prodigy": "its rate, and so its decay, is 1e-6 until it has seen a gradient",
    "schedule_free_adamw": "the weights that train lie between the decayed ones and their average",
    "sgd": "its decay is a penalty in the gradient, so that momentum gathers it",
}
MOVED_BY_OTHERS = {
    **DECAYS_OTHERWISE,
    "stable_adamw": "the decay is at the rate of the whole tensor, which its gradient clips",
}
FIRST_STEP_WITHOUT_DECAY = ("soap",)  # of the matrices: the first gradient only sets the basis


class Weights(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        torch.default_generator.manual_seed(0)  # torch.manual_seed takes longer than a step
        self.token_embedding = nn.Embedding(7, 4)
        self.square = nn.Linear(4, 4)
        self.tall = nn.Linear(4, 8, bias=False)
        self.wide = nn.Linear(8, 4, bias=False)
        self.norm = nn.RMSNorm(4)


def stepped(
    factory: Any, gradient: Callable[[Tensor, int], Tensor | None], dtype: torch.dtype = torch.float32
) -> tuple[Weights, dict[str, Tensor], Optimizer]:
    """The weights after STEPS steps, as they were, and the optimizer."""
    rules = ParamGroups(**OWN_DECAY, rules=load_option("param_groups", "default", [CONF])["rules"])
    model = Weights().to(dtype)
    before = {name: weight.detach().clone() for name, weight in model.named_parameters()}
    optimizer: Any = build_optimizer(model, factory, rules)
    getattr(optimizer, "train", lambda: None)()
    for t in range(STEPS):

        def closure(t: int = t) -> float:
            generator = torch.Generator().manual_seed(t)
            for weight in model.parameters():
                found = gradient(torch.randn(weight.shape, generator=generator), t)
                weight.grad = None if found is None else found.to(dtype)
            return 1.0

        torch.default_generator.manual_seed(t)
        taker = hessian_taker(optimizer)
        if taker is not None:
            closure()
            curvature: dict[Tensor, Tensor] = {
                w: w.grad * torch.randn_like(w) for w in model.parameters() if w.grad is not None
            }
            taker.take_hessian(curvature)
        optimizer.step(closure)
    return model, before, optimizer


def tensors_of(state: Any) -> list[Tensor]:
    if isinstance(state, Tensor):
        return [state]
    parts = state.values() if isinstance(state, dict) else state if isinstance(state, list | tuple) else ()
    return [tensor for part in parts for tensor in tensors_of(part)]


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16], ids=str)
def test_weights_and_state_stay_finite(optimizer_option: str, dtype: torch.dtype, make: Callable) -> None:
    for kind in KINDS if dtype == torch.float32 else IN_BFLOAT16:
        model, _, optimizer = stepped(make("optimizer", optimizer_option), KINDS[kind], dtype)
        for name, weight in model.named_parameters():
            assert weight.isfinite().all(), (kind, name)
        for tensor in tensors_of(dict(optimizer.state)):
            assert tensor.isfinite().all(), kind


def decayed(weights: Tensor, group: dict[str, Any], steps: int) -> Tensor:
    return (weights.double() * (1 - group["lr"] * group["weight_decay"]) ** steps).float()


def test_without_any_gradient_weights_only_decay(optimizer_option: str, make: Callable) -> None:
    _, before, optimizer = stepped(make("optimizer", optimizer_option), lambda g, t: 0 * g)
    for group in optimizer.param_groups:
        for name, weight in zip(group["param_names"], group["params"], strict=True):
            if optimizer_option in DECAYS_OTHERWISE and group["weight_decay"]:
                ratio = weight / before[name]
                assert (ratio > 0).all(), name
                assert (ratio <= 1).all(), name
                torch.testing.assert_close(ratio, ratio.flatten()[:1].expand_as(ratio), rtol=1e-5, atol=0)
                continue
            steps = STEPS - (optimizer_option in FIRST_STEP_WITHOUT_DECAY and group["hidden_matrices"])
            torch.testing.assert_close(weight, decayed(before[name], group, steps), rtol=2e-6, atol=0)
    assert len(before) == sum(len(group["params"]) for group in optimizer.param_groups)


def test_a_row_without_gradient_only_decays(optimizer_option: str, make: Callable) -> None:
    factory = make("optimizer", optimizer_option)
    _, before, optimizer = stepped(factory, KINDS["a row always zero"])
    moved = 0.0
    for group in optimizer.param_groups:
        for name, weight in zip(group["param_names"], group["params"], strict=True):
            moved = max(moved, (weight - before[name])[1:].abs().max().item())
            if weight.ndim < 2 or (optimizer_option in MOVED_BY_OTHERS and group["weight_decay"]):
                continue
            steps = STEPS - (optimizer_option in FIRST_STEP_WITHOUT_DECAY and group["hidden_matrices"])
            expected = decayed(before[name][0], group, steps)
            torch.testing.assert_close(weight[0], expected, rtol=5e-6, atol=1e-9)
    assert moved > 1e-6  # the rows beside it train


def test_weights_without_a_gradient_are_left_alone(optimizer_option: str, make: Callable) -> None:
    model, before, _ = stepped(make("optimizer", optimizer_option), lambda g, t: None)
    for name, weight in model.named_parameters():
        assert torch.equal(weight, before[name])


@pytest.mark.parametrize("option", ["kron", "shampoo", "soap"])
def test_a_gradient_that_is_not_finite_ends_in_weights_that_are_not_and_in_no_error(
    option: str, make: Callable
) -> None:
    for bad in (torch.nan, torch.inf):
        model, _, _ = stepped(make("optimizer", option), lambda g, t, bad=bad: g + bad)
        assert not model.square.weight.isfinite().all()


def test_a_preconditioner_does_not_grow_where_there_is_nothing_to_precondition(make: Callable) -> None:
    _, _, optimizer = stepped(make("optimizer", "kron"), lambda g, t: 0 * g)
    for state in optimizer.state.values():
        if "left" in state:
            assert torch.equal(state["left"], torch.eye(len(state["left"])))


def test_sam_climbs_nowhere_on_no_gradient(make: Callable) -> None:
    model, before, optimizer = stepped(make("optimizer", "sam", weight_decay=0.0), lambda g, t: 0 * g)
    assert innermost(optimizer) is not optimizer
    assert all(torch.equal(weight, before[name]) for name, weight in model.named_parameters())
