import math

import numpy as np
import pytest
import torch
from torch import Tensor

from tuneformer.measures.sharpness import (
    adam_limit,
    adam_preconditioner,
    adam_sharpness,
    gradient_descent_limit,
    hessian_product,
    largest_eigenvalues,
    sharpness,
)

pytestmark = pytest.mark.fast


def symmetric(values: list[float], seed: int = 0) -> Tensor:
    """A matrix with these eigenvalues, in float64."""
    drawn = np.random.default_rng(seed).normal(size=(len(values), len(values)))
    rotation, _ = np.linalg.qr(drawn)
    return torch.from_numpy(rotation @ np.diag(values) @ rotation.T)


def settings(k: int = 1, max_products: int = 60, tolerance: float = 1e-8) -> dict[str, float]:
    return {"k": k, "max_products": max_products, "tolerance": tolerance, "seed": 0}


def test_of_a_quadratic_it_finds_the_eigenvalues_of_its_matrix() -> None:
    spectrum = [9.0, 7.5, 4.0, *np.linspace(-3, 1, 37)]
    matrix = symmetric(spectrum)
    first, second = (torch.randn(n, dtype=torch.float64, requires_grad=True) for n in (15, 25))

    def loss() -> Tensor:
        x = torch.cat([first, second])
        return x @ matrix @ x / 2 + x.sum()

    found = sharpness(loss, [first, second], **settings(k=3))  # pyright: ignore[reportArgumentType]
    assert found.converged
    assert found.n_products < 40
    assert found.values == pytest.approx(spectrum[:3], abs=1e-7)
    for value, error in zip(found.values, found.errors, strict=True):
        assert min(abs(value - np.array(spectrum))) <= error + 1e-12
    assert first.grad is None


def test_of_a_network_they_are_those_of_the_whole_hessian() -> None:
    generator = torch.Generator().manual_seed(0)
    x, y = (torch.randn(7, n, dtype=torch.float64, generator=generator) for n in (3, 2))
    weights = [torch.randn(n, dtype=torch.float64, generator=generator) for n in ((4, 3), (4,), (2, 4))]
    weights = [w.requires_grad_() for w in weights]

    def loss() -> Tensor:
        return (torch.tanh(x @ weights[0].T + weights[1]) @ weights[2].T - y).square().mean()

    def loss_of(flat: Tensor) -> Tensor:
        a, b, c = flat.split([12, 4, 8])
        return (torch.tanh(x @ a.view(4, 3).T + b) @ c.view(2, 4).T - y).square().mean()

    flat = torch.cat([w.detach().flatten() for w in weights])
    hessian = torch.autograd.functional.hessian(loss_of, flat)
    assert isinstance(hessian, Tensor)
    expected = np.linalg.eigvalsh(hessian.numpy())[::-1]
    found = sharpness(loss, weights, **settings(k=4))  # pyright: ignore[reportArgumentType]
    assert found.values == pytest.approx(expected[:4], abs=1e-7)
    diagonal = [torch.rand(w.shape, dtype=torch.float64, generator=generator) + 0.1 for w in weights]
    root = torch.cat([d.flatten() for d in diagonal]).rsqrt().numpy()
    scaled = np.linalg.eigvalsh(root[:, None] * hessian.numpy() * root)[::-1]
    preconditioned = adam_sharpness(loss, weights, diagonal, **settings(k=2))  # pyright: ignore[reportArgumentType]
    assert preconditioned.values == pytest.approx(scaled[:2], abs=1e-6)


def test_it_says_when_it_has_not_converged() -> None:
    matrix = symmetric(list(np.linspace(1, 2, 100)))
    start = torch.randn(100, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    few = largest_eigenvalues(lambda v: matrix @ v, start, k=2, max_products=6, tolerance=1e-6)
    many = largest_eigenvalues(lambda v: matrix @ v, start, k=2, max_products=100, tolerance=1e-6)
    assert (few.converged, few.n_products) == (False, 6)
    assert many.converged
    assert many.largest == pytest.approx(2, abs=1e-6)
    assert few.largest < many.largest
    wrong = largest_eigenvalues(lambda v: v * torch.nan, start, k=1, max_products=6, tolerance=1e-6)
    assert not wrong.converged
    assert math.isnan(wrong.largest)


def test_where_there_are_fewer_eigenvalues_it_ends() -> None:
    start = torch.ones(5, dtype=torch.float64)
    twice = largest_eigenvalues(lambda v: 3 * v, start, k=2, max_products=5, tolerance=1e-9)
    assert (twice.converged, twice.n_products) == (True, 1)
    assert twice.values == pytest.approx([3])
    x = torch.ones(5, requires_grad=True)
    assert sharpness(x.sum, [x], k=2, max_products=5, tolerance=1e-3, seed=0).values == [0]


def test_a_product_is_the_derivative_of_the_gradient() -> None:
    x = torch.tensor([0.3, -1.2, 0.7], dtype=torch.float64, requires_grad=True)
    v = torch.tensor([1.0, 2.0, -1.0], dtype=torch.float64)

    def loss(at: Tensor = x) -> Tensor:
        return (at.exp() * at.roll(1).sin()).sum()

    def gradient(at: Tensor) -> Tensor:
        at = at.detach().requires_grad_()
        return torch.autograd.grad(loss(at), at)[0]

    product = hessian_product(loss, [x])(v)

    difference = (gradient(x + 1e-6 * v) - gradient(x - 1e-6 * v)) / 2e-6
    torch.testing.assert_close(product, difference, rtol=1e-7, atol=1e-8)


@pytest.mark.parametrize("factor", [0.98, 1.02])
def test_the_limits_part_what_converges_from_what_diverges(factor: float) -> None:
    lr, curvature = 0.1, factor * gradient_descent_limit(0.1)
    x = 1.0
    for _ in range(1000):
        x -= lr * curvature * x
    assert (abs(x) < 1) == (factor < 1)
    # Adam of a constant preconditioner of 1
    x, m, curvature = 1.0, 0.0, factor * adam_limit(0.1, 0.9)
    assert adam_limit(0.1, 0.9) == pytest.approx(38 / 0.1)
    for _ in range(2000):
        m = 0.9 * m + 0.1 * curvature * x
        x -= lr * m
    assert (abs(x) < 1) == (factor < 1)


def test_the_preconditioner_is_that_of_torch_s_adam() -> None:
    w = torch.tensor([1.0, -2.0, 0.5], dtype=torch.float64, requires_grad=True)
    optimizer = torch.optim.Adam([w], lr=0.01, betas=(0.9, 0.99), eps=1e-3)
    for step in range(1, 4):
        before = w.detach().clone()
        w.grad = torch.tensor([0.3, -1.0, 2.0], dtype=torch.float64) * step
        optimizer.step()
        state = optimizer.state[w]
        p = adam_preconditioner(state["exp_avg_sq"], step=step, beta1=0.9, beta2=0.99, eps=1e-3)
        torch.testing.assert_close(w.detach(), before - 0.01 * state["exp_avg"] / p, rtol=1e-12, atol=0)
