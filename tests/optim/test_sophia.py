"""Sophia and its estimate of the Hessian, on functions whose Hessian is known."""

from collections.abc import Callable

import numpy as np
import pytest
import torch
from torch import nn

from tests.optim.conftest import OWN_DECAY
from tuneformer.models.differentiable import twice_differentiable
from tuneformer.optim.build import build_optimizer
from tuneformer.optim.hutchinson import hessian_taker, hutchinson_diagonal
from tuneformer.optim.param_groups import ParamGroups

pytestmark = pytest.mark.fast

EVERYTHING = [{"name": "all", "pattern": ".", "lr_multiplier": 1.0, "weight_decay_multiplier": 1.0}]


def test_steps_follow_algorithm_3_with_an_estimate_every_three_steps(
    make: Callable, load_settings: Callable
) -> None:
    random = np.random.default_rng(0)
    changed = {"every": 3, "gamma": 0.7, "lr": 0.05, "weight_decay": 0.5}
    settings = load_settings("optimizer", "sophia", **changed)
    theta, curvatures, gradients = (
        random.normal(size=4),
        random.normal(size=(9, 4)),
        random.normal(size=(9, 4)),
    )
    model = nn.ParameterDict({"theta": torch.tensor(theta)})
    weights = model["theta"]
    optimizer = build_optimizer(
        model, make("optimizer", "sophia", **changed), ParamGroups(**OWN_DECAY, rules=EVERYTHING)
    )
    (b1, b2), m, h = settings["betas"], np.zeros(4), np.zeros(4)
    for t in range(9):
        taker = hessian_taker(optimizer)
        assert (taker is not None) == (t % 3 == 0)
        if taker is not None:
            taker.take_hessian({weights: torch.tensor(curvatures[t])})
            h = b2 * h + (1 - b2) * curvatures[t]
        weights.grad = torch.tensor(gradients[t])
        optimizer.step()
        m = b1 * m + (1 - b1) * gradients[t]
        step = np.clip(m / np.maximum(0.7 * h, settings["eps"]), -1, 1)
        theta = theta - 0.05 * (step + 0.5 * theta)
    np.testing.assert_allclose(weights.detach().numpy(), theta, rtol=1e-12)


def test_the_estimate_of_a_quadratic_is_the_diagonal_in_the_mean() -> None:
    torch.default_generator.manual_seed(0)
    half = torch.randn(5, 5, dtype=torch.float64)
    H, x = half @ half.T, torch.randn(5, dtype=torch.float64, requires_grad=True)
    draws = torch.stack([hutchinson_diagonal(x @ H @ x / 2, [x])[x] for _ in range(4000)])
    error = draws.std(dim=0) / 4000**0.5
    assert ((draws.mean(dim=0) - H.diag()).abs() < 4 * error).all()


@pytest.mark.parametrize("changed", [{}, {"norm": "layer_norm", "feed_forward": "gelu", "bias": True}])
def test_the_estimate_of_a_decoder_is_u_times_its_exact_hessian_along_u(
    changed: dict[str, object], make_decoder: Callable
) -> None:
    torch.default_generator.manual_seed(0)
    model = make_decoder(n_layers=1, **changed).double()
    tokens = torch.randint(11, (2, 6))
    parameters = list(model.parameters())

    def loss_at(*values: torch.Tensor) -> torch.Tensor:
        names = [name for name, _ in model.named_parameters()]
        logits = torch.func.functional_call(model, dict(zip(names, values, strict=True)), (tokens,))
        return nn.functional.cross_entropy(logits.flatten(0, 1), tokens.flatten())

    torch.default_generator.manual_seed(7)
    with twice_differentiable(model):
        estimates = hutchinson_diagonal(loss_at(*parameters), parameters)
    torch.default_generator.manual_seed(7)
    u = [torch.randn_like(parameter) for parameter in parameters]
    step = 1e-5
    sides = []
    for sign in (1, -1):
        moved = [(p + sign * step * d).detach().requires_grad_() for p, d in zip(parameters, u, strict=True)]
        sides.append(torch.autograd.grad(loss_at(*moved), moved))
    for parameter, draw, plus, minus in zip(parameters, u, *sides, strict=True):
        expected = draw * (plus - minus) / (2 * step)
        # a difference quotient is exact to about the square of its step
        assert (estimates[parameter] - expected).abs().max() < 1e-4 * expected.abs().max()


def test_a_parameter_without_influence_has_no_curvature() -> None:
    used, unused = torch.ones(2, requires_grad=True), torch.ones(3, requires_grad=True)
    diagonal = hutchinson_diagonal((used**2).sum(), [used, unused])
    assert torch.equal(diagonal[unused], torch.zeros(3))
