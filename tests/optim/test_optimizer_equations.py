"""Every optimizer option against the equations of its paper, in float64 NumPy."""

import importlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from tests.optim.conftest import OWN_DECAY
from tests.optim.equations.case import FACTORS, STEPS, Array, Case
from tuneformer.optim.build import build_optimizer
from tuneformer.optim.param_groups import ParamGroups

pytestmark = pytest.mark.fast

EQUATIONS = sorted(file.stem for file in (Path(__file__).parent / "equations").glob("*.py"))
CASES: list[Case] = [
    case
    for name in EQUATIONS
    if name != "case"
    for case in importlib.import_module(f"tests.optim.equations.{name}").CASES
]
# not a function of the gradients of one tensor, so that they need tests of their own
ELSEWHERE = {
    "sam": "test_sam.py",
    "sophia": "test_sophia.py",
    "prodigy": "test_rate_free.py",
    "schedule_free_adamw": "test_rate_free.py",
}
EVERYTHING = [{"name": "all", "pattern": ".", "lr_multiplier": 1.0, "weight_decay_multiplier": 1.0}]
MATRIX_AND_REST = [
    {"name": "hidden", "pattern": "matrix", "lr_multiplier": 1.0, "weight_decay_multiplier": 1.0}
    | {"hidden_matrices": True},
    {"name": "rest", "pattern": ".", "lr_multiplier": 1.0, "weight_decay_multiplier": 1.0},
]


class MatrixAndVector(nn.Module):
    def __init__(self, start: dict[str, Array]) -> None:
        super().__init__()
        self.matrix = nn.Parameter(torch.tensor(start["matrix"]))
        self.vector = nn.Parameter(torch.tensor(start["vector"]))


@pytest.fixture
def double_precision() -> Iterator[None]:
    """NAdam keeps a scalar of its state in the default precision."""
    torch.set_default_dtype(torch.float64)
    yield
    torch.set_default_dtype(torch.float32)


@pytest.mark.usefixtures("double_precision")
@pytest.mark.parametrize("case", CASES, ids=str)
def test_ten_steps_follow_the_equations_of_the_paper(
    case: Case, make: Callable, load_settings: Callable
) -> None:
    random = np.random.default_rng(0)
    start = {"matrix": random.normal(size=case.shape), "vector": random.normal(size=4)}
    gradients = {name: random.normal(size=(STEPS, *value.shape)) for name, value in start.items()}
    model = MatrixAndVector(start)
    optimizer = build_optimizer(
        model, make("optimizer", case.option, **case.changed), ParamGroups(**OWN_DECAY, rules=MATRIX_AND_REST)
    )
    peaks = [group["lr"] for group in optimizer.param_groups]
    for t in range(STEPS):
        for group, peak in zip(optimizer.param_groups, peaks, strict=True):
            group["lr"] = peak * FACTORS[t]
        for name, parameter in model.named_parameters():
            parameter.grad = torch.tensor(gradients[name][t])
        torch.default_generator.manual_seed(t + 1)  # for what an optimizer draws
        optimizer.step()
    settings = load_settings("optimizer", case.option, **case.changed)
    for name, parameter in model.named_parameters():
        expected = case.reference(start[name], lambda t, name=name: gradients[name][t - 1], settings)
        change = np.abs(expected - start[name]).max()
        assert change > 0
        np.testing.assert_allclose(
            parameter.detach().numpy(), expected, rtol=0, atol=case.tolerance * max(change, 1e-2)
        )


def test_every_optimizer_option_has_its_equations_here(optimizer_option: str) -> None:
    here = {case.option for case in CASES}
    assert optimizer_option in here | ELSEWHERE.keys()
    if optimizer_option in ELSEWHERE:
        assert f'"{optimizer_option}"' in (Path(__file__).parent / ELSEWHERE[optimizer_option]).read_text()


def train(optimizer_factory: Any) -> list[torch.Tensor]:
    torch.default_generator.manual_seed(0)
    model = nn.Linear(7, 5)
    optimizer = build_optimizer(model, optimizer_factory, ParamGroups(**OWN_DECAY, rules=EVERYTHING))
    for _ in range(20):
        optimizer.zero_grad()
        model(torch.randn(3, 7)).pow(2).mean().backward()
        optimizer.step()
    return [parameter.detach() for parameter in model.parameters()]


def test_without_decay_adam_and_adamw_are_equal_to_the_bit(make: Callable) -> None:
    pairs = zip(
        train(make("optimizer", "adam", weight_decay=0.0)),
        train(make("optimizer", "adamw", weight_decay=0.0)),
        strict=True,
    )
    assert all(torch.equal(a, b) for a, b in pairs)


def test_with_decay_in_the_gradient_adam_is_not_adamw(make: Callable) -> None:
    pairs = zip(
        train(make("optimizer", "adam", weight_decay=0.1)),
        train(make("optimizer", "adamw", weight_decay=0.1)),
        strict=True,
    )
    assert all((a - b).abs().max() > 1e-4 for a, b in pairs)
