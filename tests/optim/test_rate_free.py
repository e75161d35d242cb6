"""Schedule-free AdamW and Prodigy against their papers, over all parameters together."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from tests.optim.conftest import OWN_DECAY
from tests.optim.equations.case import FACTORS, STEPS
from tuneformer.optim.build import build_optimizer
from tuneformer.optim.param_groups import ParamGroups

pytestmark = pytest.mark.fast

EVERYTHING = [{"name": "all", "pattern": ".", "lr_multiplier": 1.0, "weight_decay_multiplier": 1.0}]
RANDOM = np.random.default_rng(0)
START, GRADIENTS = RANDOM.normal(size=7), RANDOM.normal(size=(STEPS, 7))


def run(factory: Any, *, factors: list[float] = FACTORS) -> tuple[np.ndarray, Any, nn.ParameterDict]:
    """Ten steps on the fixed gradients of two tensors; the weights one after the other."""
    model = nn.ParameterDict({"a": torch.tensor(START[:3]), "b": torch.tensor(START[3:])})
    optimizer: Any = build_optimizer(model, factory, ParamGroups(**OWN_DECAY, rules=EVERYTHING))
    if hasattr(optimizer, "train"):
        optimizer.train()
    (peak,) = [group["lr"] for group in optimizer.param_groups]
    for t in range(STEPS):
        optimizer.param_groups[0]["lr"] = peak * factors[t]
        for name, rows in (("a", slice(0, 3)), ("b", slice(3, 7))):
            model[name].grad = torch.tensor(GRADIENTS[t][rows])
        optimizer.step()
    return weights_of(model), optimizer, model


def weights_of(model: nn.ParameterDict) -> np.ndarray:
    return torch.cat([model["a"].detach(), model["b"].detach()]).numpy()


def schedule_free(s: dict[str, Any], *, adaptive: bool = True) -> tuple[np.ndarray, np.ndarray]:
    """2405.15682, algorithm 1: the points x to evaluate and y to train at."""
    (b1, b2), z, x, v, total, largest = s["betas"], START.copy(), START.copy(), 0.0, 0.0, 0.0
    for t in range(1, STEPS + 1):
        lr, g, y = s["lr"] * FACTORS[t - 1], GRADIENTS[t - 1], (1 - b1) * z + b1 * x
        v = b2 * v + (1 - b2) * g**2
        u = g / (np.sqrt(v / (1 - b2**t)) + s["eps"]) if adaptive else g
        largest = max(largest, lr)
        total += largest**2
        z = z - lr * (u + s["weight_decay"] * y)
        c = largest**2 / total
        x = (1 - c) * x + c * z
    return x, (1 - b1) * z + b1 * x


@pytest.mark.parametrize("changed", [{}, {"betas": [0.5, 0.9], "eps": 0.01, "weight_decay": 3.0}])
def test_schedule_free_trains_at_y_and_evaluates_at_x(
    changed: dict[str, Any], make: Callable, load_settings: Callable
) -> None:
    settings = load_settings("optimizer", "schedule_free_adamw", **changed)
    y, optimizer, model = run(make("optimizer", "schedule_free_adamw", **changed))
    expected_x, expected_y = schedule_free(settings)
    np.testing.assert_allclose(y, expected_y, rtol=1e-11)
    optimizer.eval()
    np.testing.assert_allclose(weights_of(model), expected_x, rtol=1e-11)


def test_schedule_free_near_beta_1_is_primal_averaging(make: Callable) -> None:
    """At beta1 = 1 the gradient is taken at the average itself: y = x."""
    y, optimizer, model = run(make("optimizer", "schedule_free_adamw", betas=[1 - 1e-9, 0.999]))
    optimizer.eval()
    np.testing.assert_allclose(weights_of(model), y, atol=1e-9)


def test_schedule_free_near_beta_0_averages_the_iterates_of_the_plain_method(make: Callable) -> None:
    """At beta1 = 0 the gradient is taken at z, and x is the mean of all z (Polyak-Ruppert)."""
    changed = {"betas": [1e-6, 0.999], "weight_decay": 0.0, "lr": 0.01}
    factors = [1.0] * STEPS
    z, optimizer, model = run(make("optimizer", "schedule_free_adamw", **changed), factors=factors)
    iterates, v, plain = [], 0.0, START.copy()
    for t in range(1, STEPS + 1):
        v = 0.999 * v + 0.001 * GRADIENTS[t - 1] ** 2
        plain = plain - 0.01 * GRADIENTS[t - 1] / (np.sqrt(v / (1 - 0.999**t)) + 1e-8)
        iterates.append(plain)
    np.testing.assert_allclose(z, plain, atol=1e-6)
    optimizer.eval()
    np.testing.assert_allclose(weights_of(model), np.mean(iterates, axis=0), atol=1e-6)


def prodigy(s: dict[str, Any]) -> np.ndarray:
    """2306.06101, algorithm 4, and the authors' two switches: Adam's correction, and lr kept out of s."""
    (b1, b2), d, theta = s["betas"], s["d0"], START.copy()
    b3, r, total, m, v = b2**0.5, 0.0, np.zeros(7), np.zeros(7), np.zeros(7)
    for t in range(1, STEPS + 1):
        lr, g = s["lr"] * FACTORS[t - 1], GRADIENTS[t - 1]
        rate = lr * d * ((1 - b2**t) ** 0.5 / (1 - b1**t) if s["bias_correction"] else 1)
        r = b3 * r + rate * d * g @ (START - theta)
        total = b3 * total + d * (d if s["safeguard_warmup"] else rate) * g
        m = b1 * m + (1 - b1) * d * g
        v = b2 * v + (1 - b2) * d**2 * g**2
        d = max(d, s["d_coef"] * r / np.abs(total).sum())
        theta = theta - rate * (m / (np.sqrt(v) + d * s["eps"]) + s["weight_decay"] * theta)
    return theta


PAPER: dict[str, Any] = {"bias_correction": False, "safeguard_warmup": False}


@pytest.mark.parametrize(
    "changed",
    [
        {"d0": 0.01, "d_coef": 10.0},
        {"d0": 0.01, "d_coef": 30.0, "weight_decay": 1.0},
        {"d0": 0.01, **PAPER},
        {"d0": 0.01, "d_coef": 3.0, "weight_decay": 1.0, **PAPER},
    ],
)
def test_prodigy_follows_its_equations(
    changed: dict[str, Any], make: Callable, load_settings: Callable
) -> None:
    found, optimizer, _ = run(make("optimizer", "prodigy", **changed))
    expected = prodigy(load_settings("optimizer", "prodigy", **changed))
    assert optimizer.param_groups[0]["d"] > changed["d0"]  # the estimate has grown: it was put to use
    # the library sums in float32
    np.testing.assert_allclose(found, expected, atol=1e-6 * np.abs(expected - START).max())
