import math

import numpy as np
import pytest
import torch
from torch import Tensor

from tuneformer.measures.residual_stream import (
    cka_of_shuffled,
    kurtosis,
    lens_loss,
    linear_cka,
    logit_lens,
    massive_activations,
    rank_collapse,
    residual_norm,
)

pytestmark = pytest.mark.fast


def normal(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(*shape, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))


def test_attention_alone_collapses_the_tokens_and_skips_hold_them_up() -> None:
    x = normal(2, 10, 16)
    assert rank_collapse(normal(50, 10, 16)) == pytest.approx(math.sqrt(1 - 1 / 10), rel=0.01)
    alone, skipped, depths = x, x, []
    for layer in range(4):
        q, k = (normal(16, 16, seed=10 * layer + i) / 4 for i in (1, 2))
        alone, skipped = (
            step + (x @ q @ (x @ k).mT / 4).softmax(dim=-1) @ x
            for step, x in ((torch.zeros_like(x), alone), (skipped, skipped))
        )
        depths.append(rank_collapse(alone))
    assert depths == sorted(depths, reverse=True)
    assert depths[-1] < 1e-6
    assert rank_collapse(skipped) > 0.02
    assert rank_collapse(torch.ones(1, 4, 3)) == 0


def test_residual_norm_is_the_mean_length_of_a_token() -> None:
    assert residual_norm(torch.tensor([[[3.0, 4.0], [0.0, 1.0]]])) == pytest.approx(3)


def test_kurtosis_of_normal_numbers_is_three_and_of_signs_one() -> None:
    assert kurtosis(normal(200_000)) == pytest.approx(3, rel=0.02)
    assert kurtosis(normal(1000).sign()) == 1
    spike = normal(1000)
    spike[3] = 1e4
    assert kurtosis(spike) == pytest.approx(1000, rel=0.01)


def test_a_planted_spike_is_found_and_nothing_else() -> None:
    x = normal(3, 8, 64)
    assert massive_activations(x) == []
    x[1, 0, 5], x[2, 7, 63], x[0, 0, 0] = -2000.0, 3000.0, 99.0
    found = massive_activations(x)
    assert [one[:4] for one in found] == [(2, 7, 63, 3000.0), (1, 0, 5, -2000.0)]
    assert found[0].times_median == pytest.approx(3000 / x.abs().median().item())
    # large for its size, and not: 100 alone is not enough
    assert massive_activations(x * 0.03) == []
    assert massive_activations(normal(1, 4, 8) * 500) == []


def test_cka_is_one_under_rotation_scale_and_shift() -> None:
    x, other = normal(300, 6), normal(300, 4, seed=2)
    rotation, _ = np.linalg.qr(normal(6, 6, seed=1).numpy())
    assert linear_cka(x, 3 * x @ torch.from_numpy(rotation) + 5) == pytest.approx(1)
    # the form of HSIC: centred Gram matrices
    h = np.eye(300) - 1 / 300
    a, b = (h @ z.numpy() @ z.numpy().T @ h for z in (x, other))
    assert linear_cka(x, other) == pytest.approx((a * b).sum() / np.linalg.norm(a) / np.linalg.norm(b))
    assert cka_of_shuffled(x, x, seed=0) < 0.1
    assert cka_of_shuffled(normal(8, 64), normal(8, 64), seed=0) > 0.5, "few samples are always alike"


def test_lens_loss_is_the_nats_of_the_targets_that_count() -> None:
    logits, targets = normal(2, 3, 5), torch.tensor([[0, 1, 2], [3, 4, 0]])
    p = np.exp(logits.numpy()) / np.exp(logits.numpy()).sum(axis=-1, keepdims=True)
    nats = -np.log(np.take_along_axis(p, targets.numpy()[..., None], axis=-1))[..., 0]
    assert lens_loss(logits, targets) == pytest.approx(nats.mean())
    assert lens_loss(logits, targets, targets != 0) == pytest.approx(nats[targets.numpy() != 0].mean())
    uniform = logit_lens([0 * logits], lambda x: x)
    assert lens_loss(uniform[0], targets) == pytest.approx(math.log(5))
