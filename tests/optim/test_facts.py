"""What an honest implementation shows, whatever its code: limits and identities between the methods."""

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from tests.optim.conftest import OWN_DECAY
from tuneformer.optim.build import build_optimizer
from tuneformer.optim.param_groups import ParamGroups

pytestmark = pytest.mark.fast

RULE = {"name": "all", "pattern": ".", "lr_multiplier": 1.0, "weight_decay_multiplier": 1.0}
STEPS = 10


class Weight(nn.Module):
    def __init__(self, value: Tensor) -> None:
        super().__init__()
        self.w = nn.Parameter(value.clone())


def normal(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def gradients(*shape: int) -> list[Tensor]:
    return [normal(*shape, seed=seed) for seed in range(1, STEPS + 1)]


def optimizer_of(factory: Any, start: Tensor) -> tuple[Tensor, Optimizer]:
    model = Weight(start)
    groups = ParamGroups(**OWN_DECAY, rules=[RULE | {"hidden_matrices": True}])
    return model.w, build_optimizer(model, factory, groups)


def descend(factory: Any, start: Tensor, given: list[Tensor]) -> list[Tensor]:
    """The weight before the first step and after each."""
    weight, optimizer = optimizer_of(factory, start)
    path = [weight.detach().clone()]
    for gradient in given:
        weight.grad = gradient.clone()
        optimizer.step()
        path.append(weight.detach().clone())
    return path


def matrices_replaced(settings: dict[str, Any], **replaced: object) -> dict[str, Any]:
    return {"matrices": {**settings["matrices"], **replaced}}


def test_adam_and_adamw_agree_to_the_bit_without_decay_and_differ_with_it(make: Callable) -> None:
    start, given = normal(3, 4), gradients(3, 4)
    for decay, same in ((0.0, True), (0.1, False)):
        paths = [
            descend(make("optimizer", name, weight_decay=decay), start, given) for name in ("adam", "adamw")
        ]
        assert torch.equal(paths[0][-1], paths[1][-1]) is same


@pytest.mark.parametrize("name", ["adam", "adamw"])
def test_adam_with_a_huge_epsilon_is_corrected_momentum(name: str, make: Callable) -> None:
    start, given = normal(3, 4), gradients(3, 4)
    eps, rate, beta = 1e9, 0.1, 0.9
    factory = make("optimizer", name, lr=rate * eps, eps=eps, betas=[beta, 0.95], weight_decay=0.0)
    momentum, expected = torch.zeros_like(start), start.clone()
    for step, gradient in enumerate(given, start=1):
        momentum = beta * momentum + (1 - beta) * gradient
        expected = expected - rate / (1 - beta**step) * momentum
    torch.testing.assert_close(descend(factory, start, given)[-1], expected, rtol=1e-7, atol=1e-7)


@pytest.mark.parametrize("shape", [(6, 6), (4, 9)])
def test_muon_without_momentum_is_the_orthogonal_part_up_to_its_iteration(
    shape: tuple[int, int], make: Callable, load_settings: Callable
) -> None:
    plain = matrices_replaced(load_settings("optimizer", "muon"), momentum=0.0, nesterov=False)
    (gradient,) = gradients(*shape)[:1]
    path = descend(
        make("optimizer", "muon", lr=1.0, weight_decay=0.0, **plain), torch.zeros_like(gradient), [gradient]
    )
    U, S, Vh = torch.linalg.svd(gradient, full_matrices=False)
    singular = S / S.norm()
    for _ in range(plain["matrices"]["ns_steps"]):
        a, b, c = plain["matrices"]["ns_coefficients"]
        singular = a * singular + b * singular**3 + c * singular**5
    assert singular[0] == pytest.approx(1, abs=0.35)
    torch.testing.assert_close(
        U.mT @ (path[0] - path[1]) @ Vh.mT, singular.diag(), rtol=0, atol=0.08
    )  # bfloat16


def test_muon_is_shampoo_that_accumulates_nothing(make: Callable, load_settings: Callable) -> None:
    changed = {"momentum": 0.0, "beta2": 0.0, "eps": 1e-30, "every": 1}
    plain = matrices_replaced(load_settings("optimizer", "shampoo"), **changed)
    assert plain["matrices"]["power"] == -0.25
    (gradient,) = gradients(6, 6)[:1]
    path = descend(
        make("optimizer", "shampoo", lr=1.0, weight_decay=0.0, **plain),
        torch.zeros_like(gradient),
        [gradient],
    )
    U, _, Vh = torch.linalg.svd(gradient)
    torch.testing.assert_close(path[0] - path[1], U @ Vh, rtol=1e-9, atol=1e-9)


def test_soap_in_the_identity_basis_is_adam_a_step_later(make: Callable, load_settings: Callable) -> None:
    start, given = normal(5, 3), gradients(5, 3)
    settings = {"lr": 0.01, "weight_decay": 0.0}
    identity = matrices_replaced(
        load_settings("optimizer", "soap"), max_precondition_dim=1, betas=[0.9, 0.95]
    )
    soap = descend(make("optimizer", "soap", **settings, **identity), start, given)
    adam = descend(make("optimizer", "adam", **settings, betas=[0.9, 0.95]), start, given[1:])
    assert torch.equal(soap[1], start)
    torch.testing.assert_close(soap[-1], adam[-1], rtol=1e-6, atol=1e-7)


@pytest.mark.parametrize(("noise", "beta"), [(False, 0.9), (True, 0.9), (True, 0.5)])
def test_the_size_of_adams_step_tells_signal_from_noise(noise: bool, beta: float, make: Callable) -> None:
    weight, optimizer = optimizer_of(
        make("optimizer", "adamw", betas=[beta, 0.999], weight_decay=0.0, lr=1e-3), torch.zeros(4000)
    )
    generator = torch.Generator().manual_seed(0)
    for _ in range(3000):
        weight.grad = torch.randn(4000, generator=generator) if noise else torch.ones(4000)
        optimizer.step()
    state = optimizer.state[weight]
    second = state["exp_avg_sq"] / (1 - 0.999**3000)
    size = (state["exp_avg"] / second.sqrt()).square().mean().sqrt().item()
    assert size == pytest.approx(((1 - beta) / (1 + beta)) ** 0.5 if noise else 1.0, rel=0.03)


def test_adamw_on_noise_settles_where_decay_and_steps_balance(make: Callable) -> None:
    size, lr, decay = 4000, 1e-2, 0.1
    weight, optimizer = optimizer_of(
        make("optimizer", "adamw", betas=[0.9, 0.999], weight_decay=decay, lr=lr), torch.zeros(size)
    )
    generator, norms = torch.Generator().manual_seed(0), []
    for step in range(4000):
        weight.grad = torch.randn(size, generator=generator)
        optimizer.step()
        if step >= 2500:
            norms.append(weight.detach().norm().item())
    # the decay of a step takes as much from the square of the norm as a random walk of unit steps adds:
    # 2 lr wd |w|^2 = lr^2 C (2305.17212, for the steps' sum, whose variance momentum leaves as it is)
    assert sum(norms) / len(norms) == pytest.approx((lr * size / (2 * decay)) ** 0.5, rel=0.02)
