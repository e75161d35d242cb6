"""SAM against its algorithm, on a function whose gradient is known everywhere."""

from collections.abc import Callable

import numpy as np
import pytest
import torch
from torch import nn
from torch.optim import Optimizer

from tests.optim.conftest import OWN_DECAY
from tuneformer.optim.build import build_optimizer
from tuneformer.optim.param_groups import ParamGroups

pytestmark = pytest.mark.fast

EVERYTHING = [{"name": "all", "pattern": ".", "lr_multiplier": 1.0, "weight_decay_multiplier": 1.0}]


def gradient(theta: np.ndarray) -> np.ndarray:
    return theta**3 - 2 * theta  # of theta^4 / 4 - theta^2


def test_ten_steps_follow_algorithm_1_with_adamw_as_its_base(make: Callable, load_settings: Callable) -> None:
    start = np.random.default_rng(0).normal(size=6)
    model = nn.ParameterDict({"a": torch.tensor(start[:2]), "b": torch.tensor(start[2:])})
    settings = load_settings("optimizer", "sam", rho=0.3, lr=0.05, weight_decay=0.5)
    factory = make("optimizer", "sam", rho=0.3, lr=0.05, weight_decay=0.5)
    optimizer = build_optimizer(model, factory, ParamGroups(**OWN_DECAY, rules=EVERYTHING))
    calls = []

    def closure() -> float:
        optimizer.zero_grad()
        loss = torch.stack([(p**4 / 4 - p**2).sum() for p in model.parameters()]).sum()
        loss.backward()
        calls.append(float(loss.detach()))
        return calls[-1]

    losses = [optimizer.step(closure) for _ in range(10)]
    assert len(calls) == 20
    assert losses == calls[::2]

    theta, m, v = start.copy(), np.zeros(6), np.zeros(6)
    (b1, b2), eps = settings["base"]["betas"], settings["base"]["eps"]
    for t in range(1, 11):
        g = gradient(theta)
        g = gradient(theta + 0.3 * g / np.linalg.norm(g))
        m, v = b1 * m + (1 - b1) * g, b2 * v + (1 - b2) * g**2
        step = m / (1 - b1**t) / (np.sqrt(v / (1 - b2**t)) + eps)
        theta = theta - 0.05 * (step + 0.5 * theta)
    found = torch.cat([p.detach() for p in model.parameters()]).numpy()
    np.testing.assert_allclose(found, theta, rtol=1e-11)


def test_without_a_radius_it_is_its_base(make: Callable) -> None:
    ends = []
    for option, changed in (("sam", {"rho": 0.0}), ("adamw", {})):
        torch.default_generator.manual_seed(0)
        model = nn.Linear(3, 2)
        factory = make("optimizer", option, **changed)
        optimizer = build_optimizer(model, factory, ParamGroups(**OWN_DECAY, rules=EVERYTHING))
        data = torch.randn(5, 4, 3)
        for batch in data:

            def closure(
                batch: torch.Tensor = batch, model: nn.Module = model, optimizer: Optimizer = optimizer
            ) -> float:
                optimizer.zero_grad()
                loss = model(batch).square().mean()
                loss.backward()
                return float(loss.detach())

            optimizer.step(closure)
        ends.append(model.weight.detach())
    assert torch.equal(*ends)
