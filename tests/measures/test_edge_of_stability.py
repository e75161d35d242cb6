"""Full-batch training comes to the edge of stability by itself, and stays there."""

from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from tuneformer.measures.sharpness import (
    adam_limit,
    adam_preconditioner,
    adam_sharpness,
    gradient_descent_limit,
    sharpness,
)

pytestmark = pytest.mark.proof


def network() -> tuple[Callable[[], Tensor], list[Tensor]]:
    """The squared error of a tanh network of two hidden layers on 40 random examples, and its weights."""
    generator = torch.Generator().manual_seed(0)

    def normal(*shape: int) -> Tensor:
        return torch.randn(*shape, dtype=torch.float64, generator=generator)

    x, y = normal(40, 8), normal(40, 4)
    weights = [normal(32, 8) / 8**0.5, normal(32, 32) / 32**0.5, normal(4, 32) / 32**0.5]
    # small, so that it begins in a flat place
    weights = [(0.6 * w).requires_grad_() for w in weights]

    def loss() -> Tensor:
        hidden = torch.tanh(torch.tanh(x @ weights[0].T) @ weights[1].T)
        return 2 * (hidden @ weights[2].T - y).square().mean()

    return loss, weights


def step(optimizer: torch.optim.Optimizer, loss: Callable[[], Tensor]) -> None:
    optimizer.zero_grad()
    loss().backward()
    optimizer.step()


@pytest.mark.parametrize("lr", [0.2, 0.4])
def test_gradient_descent_hovers_at_two_over_lr(lr: float) -> None:
    loss, weights = network()
    optimizer, limit = torch.optim.SGD(weights, lr=lr), gradient_descent_limit(lr)

    def relative() -> float:
        found = sharpness(loss, weights, k=1, max_products=80, tolerance=1e-3, seed=0)
        assert found.converged
        return found.largest / limit

    assert relative() < 0.5, "it begins below the edge"
    found = []
    for n in range(1, 1001):
        step(optimizer, loss)
        if n > 400 and n % 50 == 0:
            found.append(relative())
    assert found == pytest.approx([1.0] * len(found), rel=0.15)


@pytest.mark.parametrize("lr", [5e-4, 1e-3])
def test_adam_hovers_at_38_over_lr(lr: float) -> None:
    loss, weights = network()
    beta1, beta2, eps = 0.9, 0.99, 1e-7
    optimizer = torch.optim.Adam(weights, lr=lr, betas=(beta1, beta2), eps=eps)

    def relative(n: int) -> float:
        diagonal = [
            adam_preconditioner(optimizer.state[w]["exp_avg_sq"], step=n, beta1=beta1, beta2=beta2, eps=eps)
            for w in weights
        ]
        found = adam_sharpness(loss, weights, diagonal, k=1, max_products=80, tolerance=1e-3, seed=0)
        assert found.converged
        return found.largest / adam_limit(lr, beta1)

    found = []
    for n in range(1, 4001):
        step(optimizer, loss)
        if n == 100:
            assert relative(n) < 0.2, "it begins below the edge"
        if n > 2500 and n % 100 == 0:
            found.append(relative(n))
    assert found == pytest.approx([1.0] * len(found), rel=0.15)
