import math

import numpy as np
import pytest
import torch
from torch import nn

from tuneformer.measures.weights import (
    effective_lr_of_gradients,
    effective_lr_of_unit_updates,
    equilibrium_rotation,
    rotation,
    stable_rank,
    stable_rank_of_noise,
    weight_norm,
)

pytestmark = pytest.mark.fast


def test_stable_rank_of_the_identity_of_one_direction_and_of_noise() -> None:
    assert stable_rank(torch.eye(7)) == pytest.approx(7)
    u, v = torch.arange(1.0, 5.0), torch.arange(1.0, 4.0)
    assert stable_rank(torch.outer(u, v)) == pytest.approx(1)
    assert stable_rank(torch.diag(torch.tensor([2.0, 1.0, 1.0]))) == pytest.approx(6 / 4)
    noise = np.random.default_rng(0).normal(size=(300, 150))
    expected = np.linalg.norm(noise) ** 2 / np.linalg.norm(noise, 2) ** 2
    assert stable_rank(torch.from_numpy(noise)) == pytest.approx(expected)
    assert stable_rank_of_noise(300, 150) == pytest.approx(expected, rel=0.03)
    assert math.isnan(stable_rank(torch.zeros(3, 3)))


def test_weight_norm_is_the_root_of_the_sum_of_squares() -> None:
    assert weight_norm([torch.tensor([3.0, 0.0]), torch.tensor([[0.0], [-4.0]])]).item() == pytest.approx(5)


def test_weights_before_a_norm_turn_by_the_effective_rate() -> None:
    # lr and |W|^2 grow by the same factor: the same function, and the same angle of a step
    x = torch.randn(20, 6, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    angles = []
    for scale in (1.0, 5.0):
        layer = nn.Linear(6, 4, bias=False).double()
        with torch.no_grad():
            layer.weight.copy_(torch.linspace(-1, 1, 24, dtype=torch.float64).view(4, 6).sin() * scale)
        before = layer.weight.detach().clone()
        nn.functional.layer_norm(layer(x), (4,), eps=0.0).pow(3).sum().backward()
        torch.optim.SGD(layer.parameters(), lr=1e-4 * scale**2).step()
        angles.append(rotation(before, layer.weight))
        assert effective_lr_of_gradients(1e-4 * scale**2, weight_norm([before]).item()) == pytest.approx(
            1e-4 / weight_norm([before / scale]).item() ** 2
        )
    assert angles[0] == pytest.approx(angles[1], rel=1e-9)
    assert effective_lr_of_unit_updates(0.1, 4.0) == pytest.approx(0.025)


def test_rotation_is_the_angle_also_where_it_is_small() -> None:
    for angle in (1e-9, 0.3, math.pi / 2, 3.0):
        turned = torch.tensor([math.cos(angle), math.sin(angle)], dtype=torch.float64)
        assert rotation(torch.tensor([2.0, 0.0]), 7 * turned) == pytest.approx(angle, rel=1e-6)
    assert math.isnan(rotation(torch.zeros(2), torch.ones(2)))


def test_adamw_on_pure_noise_comes_to_the_rotation_of_equilibrium() -> None:
    lr, weight_decay, betas = 0.01, 0.5, (0.9, 0.99)
    w = torch.nn.Parameter(0.01 * torch.ones(2000, dtype=torch.float64))
    optimizer = torch.optim.AdamW([w], lr=lr, weight_decay=weight_decay, betas=betas)
    generator = torch.Generator().manual_seed(0)
    angles = []
    for step in range(1200):
        w.grad = torch.randn(2000, dtype=torch.float64, generator=generator)
        before = w.detach().clone()
        optimizer.step()
        if step >= 800:
            angles.append(rotation(before, w))
    expected = equilibrium_rotation(lr=lr, weight_decay=weight_decay, beta1=0.9)
    assert np.mean(angles) == pytest.approx(expected, rel=0.05)
    assert weight_norm([w]).item() == pytest.approx(math.sqrt(lr * 2000 / (2 * weight_decay)), rel=0.1)
