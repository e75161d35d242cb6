import math

import numpy as np
import pytest
import torch
from torch import nn

from tuneformer.measures.gradients import (
    noise_scale,
    norms_by_part,
    update_ratio,
    update_ratio_by_row,
)

pytestmark = pytest.mark.fast


def test_squares_of_parts_add_up_to_the_square_of_the_total() -> None:
    generator = torch.Generator().manual_seed(0)
    first, second, third = (torch.randn(4, size, generator=generator).double() for size in (1, 3, 5))
    norms = norms_by_part({"a": [first, second], "b": [third]})
    total = nn.utils.get_total_norm([first, second, third]).item()
    assert sum(norm.item() ** 2 for norm in norms.values()) == pytest.approx(total**2)
    assert norms["a"].item() == pytest.approx(torch.cat([first, second], dim=1).norm().item())


def test_the_update_ratio_of_sgd_is_lr_times_gradient_over_weights() -> None:
    model = nn.Linear(5, 3).double()
    before = [p.detach().clone() for p in model.parameters()]
    model(torch.ones(2, 5, dtype=torch.float64)).square().sum().backward()
    torch.optim.SGD(model.parameters(), lr=0.03).step()
    g = nn.utils.get_total_norm([p.grad for p in model.parameters() if p.grad is not None])
    expected = 0.03 * g / nn.utils.get_total_norm(before)
    assert update_ratio(before, [*model.parameters()]).item() == pytest.approx(expected.item())
    assert not update_ratio([torch.zeros(3)], [torch.ones(3)]).isfinite()


def test_rows_of_an_embedding_that_no_token_taught_have_ratio_zero() -> None:
    embedding = nn.Embedding(6, 4)
    before = embedding.weight.detach().clone()
    embedding(torch.tensor([1, 4, 4])).sum().backward()
    torch.optim.SGD(embedding.parameters(), lr=0.1).step()
    ratios = update_ratio_by_row(before, embedding.weight)
    assert (ratios > 0).tolist() == [False, True, False, False, True, False]
    expected = 0.1 * 2 * math.sqrt(4) / before[4].norm().item()
    assert ratios[4].item() == pytest.approx(expected, rel=1e-4)


def test_noise_scale_of_gaussian_gradients_of_known_covariance() -> None:
    draw = np.random.default_rng(0)
    mean, deviation = draw.normal(size=40) * 0.3, draw.uniform(0.5, 2.0, size=40)
    squares = {}
    for batch in (4, 64):
        gradients = mean + deviation / math.sqrt(batch) * draw.normal(size=(20_000, 40))
        squares[batch] = float((gradients**2).sum(axis=1).mean())
    found = noise_scale(squares[4], squares[64], small_batch=4, big_batch=64)
    assert found.gradient_square == pytest.approx((mean**2).sum(), rel=0.02)
    assert found.trace == pytest.approx((deviation**2).sum(), rel=0.02)
    assert found.examples == pytest.approx((deviation**2).sum() / (mean**2).sum(), rel=0.03)


def test_noise_scale_is_exact_where_the_squares_are_the_expected_ones() -> None:
    found = noise_scale(3.0 + 8.0 / 2, 3.0 + 8.0 / 10, small_batch=2, big_batch=10)
    assert (found.gradient_square, found.trace) == pytest.approx((3.0, 8.0))
    assert noise_scale(4.0, 1.0, small_batch=1, big_batch=4).examples == math.inf
