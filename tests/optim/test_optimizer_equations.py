"""Every optimizer option against the equations of its paper, in float64 NumPy."""

from collections.abc import Callable, Iterator
from math import prod, sqrt
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from tuneformer.optim.build import build_optimizer
from tuneformer.optim.param_groups import ParamGroups

pytestmark = pytest.mark.fast

Array = np.ndarray
Gradients = Callable[[int], Array]

STEPS = 10
RATES = [0.02 * (1 - 0.05 * t) for t in range(STEPS)]  # a rate that changes, as under a schedule
EVERYTHING = [{"name": "all", "pattern": ".", "lr_multiplier": 1.0, "weight_decay_multiplier": 1.0}]


def sgd(theta: Array, gradient: Gradients, s: dict[str, Any]) -> Array:
    """Polyak's heavy ball and Nesterov's form; L2 in the gradient."""
    buffer = np.zeros_like(theta)
    for t in range(1, STEPS + 1):
        g = gradient(t) + s["weight_decay"] * theta
        buffer = g if t == 1 else s["momentum"] * buffer + (1 - s["dampening"]) * g
        theta = theta - RATES[t - 1] * (g + s["momentum"] * buffer if s["nesterov"] else buffer)
    return theta


def adam(theta: Array, gradient: Gradients, s: dict[str, Any], *, decoupled: bool = False) -> Array:
    """1412.6980, algorithm 1; 1711.05101, algorithm 2 where decoupled; 1904.09237 for the largest v."""
    (b1, b2), m, v, largest = s["betas"], np.zeros_like(theta), np.zeros_like(theta), np.zeros_like(theta)
    for t in range(1, STEPS + 1):
        g = gradient(t) + (0 if decoupled else s["weight_decay"] * theta)
        m = b1 * m + (1 - b1) * g
        v = b2 * v + (1 - b2) * g**2
        largest = np.maximum(largest, v) if s["amsgrad"] else v
        update = m / (1 - b1**t) / (np.sqrt(largest / (1 - b2**t)) + s["eps"])
        theta = theta - RATES[t - 1] * (update + (s["weight_decay"] * theta if decoupled else 0))
    return theta


def adamw(theta: Array, gradient: Gradients, s: dict[str, Any]) -> Array:
    return adam(theta, gradient, s, decoupled=True)


def nadam(theta: Array, gradient: Gradients, s: dict[str, Any]) -> Array:
    """Dozat 2016, algorithm 2, with its momentum schedule mu_t = b1 (1 - 0.96^(t psi) / 2)."""
    (b1, b2), m, v = s["betas"], np.zeros_like(theta), np.zeros_like(theta)
    mu = [b1 * (1 - 0.5 * 0.96 ** (t * s["momentum_decay"])) for t in range(1, STEPS + 2)]
    for t in range(1, STEPS + 1):
        decoupled = s["decoupled_weight_decay"]
        g = gradient(t) + (0 if decoupled else s["weight_decay"] * theta)
        m = b1 * m + (1 - b1) * g
        v = b2 * v + (1 - b2) * g**2
        mbar = mu[t] * m / (1 - prod(mu[: t + 1])) + (1 - mu[t - 1]) * g / (1 - prod(mu[:t]))
        update = mbar / (np.sqrt(v / (1 - b2**t)) + s["eps"])
        theta = theta - RATES[t - 1] * (update + (s["weight_decay"] * theta if decoupled else 0))
    return theta


def radam(theta: Array, gradient: Gradients, s: dict[str, Any]) -> Array:
    """1908.03265, algorithm 2, with the authors' code's bound on rho (5) and its eps."""
    (b1, b2), m, v = s["betas"], np.zeros_like(theta), np.zeros_like(theta)
    rho_inf = 2 / (1 - b2) - 1
    for t in range(1, STEPS + 1):
        decoupled = s["decoupled_weight_decay"]
        g = gradient(t) + (0 if decoupled else s["weight_decay"] * theta)
        m = b1 * m + (1 - b1) * g
        v = b2 * v + (1 - b2) * g**2
        update = m / (1 - b1**t)
        rho = rho_inf - 2 * t * b2**t / (1 - b2**t)
        if rho > 5:
            r = sqrt((rho - 4) * (rho - 2) * rho_inf / ((rho_inf - 4) * (rho_inf - 2) * rho))
            update = r * update * sqrt(1 - b2**t) / (np.sqrt(v) + s["eps"])
        theta = theta - RATES[t - 1] * (update + (s["weight_decay"] * theta if decoupled else 0))
    return theta


CASES: list[tuple[str, Callable[..., Array], dict[str, Any]]] = [
    ("sgd", sgd, {}),
    ("sgd", sgd, {"momentum": 0.0, "weight_decay": 0.1}),
    ("sgd", sgd, {"nesterov": True, "weight_decay": 0.1}),
    ("sgd", sgd, {"dampening": 0.5}),
    ("adam", adam, {}),
    ("adam", adam, {"weight_decay": 0.3, "eps": 0.01}),
    ("adam", adam, {"amsgrad": True, "betas": [0.5, 0.5]}),
    ("adamw", adamw, {}),
    ("adamw", adamw, {"weight_decay": 3.0, "eps": 0.01}),
    ("adamw", adamw, {"amsgrad": True, "betas": [0.5, 0.5]}),
    ("adamw_nanogpt", adamw, {}),
    ("nadam", nadam, {}),
    ("nadam", nadam, {"momentum_decay": 1.0, "eps": 0.01}),
    ("nadam", nadam, {"decoupled_weight_decay": False, "weight_decay": 0.3}),
    ("radam", radam, {}),
    ("radam", radam, {"betas": [0.8, 0.999], "eps": 0.01}),
    ("radam", radam, {"decoupled_weight_decay": False, "weight_decay": 0.3}),
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
@pytest.mark.parametrize(("option", "reference", "changed"), CASES)
def test_ten_steps_follow_the_equations_of_the_paper(
    option: str,
    reference: Callable[..., Array],
    changed: dict[str, Any],
    make: Callable,
    load_settings: Callable,
) -> None:
    random = np.random.default_rng(0)
    start = {"matrix": random.normal(size=(5, 3)), "vector": random.normal(size=4)}
    gradients = {name: random.normal(size=(STEPS, *value.shape)) for name, value in start.items()}
    model = MatrixAndVector(start)
    optimizer = build_optimizer(model, make("optimizer", option, **changed), ParamGroups(rules=EVERYTHING))
    for t in range(STEPS):
        for group in optimizer.param_groups:
            group["lr"] = RATES[t]
        for name, parameter in model.named_parameters():
            parameter.grad = torch.tensor(gradients[name][t])
        optimizer.step()
    settings = load_settings("optimizer", option, **changed)
    for name, parameter in model.named_parameters():
        expected = reference(start[name], lambda t, name=name: gradients[name][t - 1], settings)
        np.testing.assert_allclose(parameter.detach().numpy(), expected, rtol=1e-11, atol=1e-13)


def test_every_optimizer_option_has_its_equations_here(optimizer_option: str) -> None:
    assert optimizer_option in {option for option, _, _ in CASES}


def train(optimizer_factory: Any) -> list[torch.Tensor]:
    torch.manual_seed(0)
    model = nn.Linear(7, 5)
    optimizer = build_optimizer(model, optimizer_factory, ParamGroups(rules=EVERYTHING))
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
