"""Each kind of weight decay against its equation in float64 NumPy."""

import math
from functools import partial
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn
from torch.optim import SGD, Adam, AdamW, Optimizer

from tuneformer.errors import UserError
from tuneformer.optim.build import build_optimizer, build_schedule
from tuneformer.optim.param_groups import ParamGroups
from tuneformer.optim.schedules import linear

pytestmark = pytest.mark.fast

STEPS, LR, DECAY, MOMENTUM = 7, 0.1, 0.3, 0.9
KINDS = ("l2", "decoupled", "independent", "cautious")


def groups(kind: str, end: float = 1.0) -> ParamGroups:
    rule = {"name": "all", "pattern": ".", "lr_multiplier": 1.0, "weight_decay_multiplier": 1.0}
    return ParamGroups(rules=[rule | {"hidden_matrices": True}], weight_decay_kind=kind, weight_decay_end=end)


class Weights(nn.Module):
    def __init__(self, start: np.ndarray) -> None:
        super().__init__()
        self.theta = nn.Parameter(torch.tensor(start))


def run(factory: Any, kind: str, *, end: float = 1.0, resume_at: int | None = None) -> np.ndarray:
    """The weights after STEPS steps on fixed gradients, under a linear schedule."""
    random = np.random.default_rng(0)
    start, gradients = random.normal(size=(4, 3)), random.normal(size=(STEPS, 4, 3))

    def begin(values: np.ndarray) -> tuple[nn.Parameter, Optimizer, Any]:
        model = Weights(values)
        optimizer = build_optimizer(model, factory, groups(kind, end))
        schedule = build_schedule(optimizer, partial(linear, warmup=0, floor=0.0), STEPS)
        return model.theta, optimizer, schedule

    weights, optimizer, schedule = begin(start)
    for t in range(STEPS):
        if t == resume_at:
            saved = optimizer.state_dict(), schedule.state_dict()
            weights, optimizer, schedule = begin(weights.detach().numpy())
            optimizer.load_state_dict(saved[0])
            schedule.load_state_dict(saved[1])

        weights.grad = torch.tensor(gradients[t])
        optimizer.step(lambda: 1.0) if t % 2 else optimizer.step()
        schedule.step()
    return weights.detach().numpy()


def by_hand(kind: str, *, end: float = 1.0) -> np.ndarray:
    """SGD with momentum and the equations of DecayedApart."""
    random = np.random.default_rng(0)
    theta, gradients = random.normal(size=(4, 3)), random.normal(size=(STEPS, 4, 3))
    buffer = np.zeros_like(theta)
    for t in range(STEPS):
        s = 1 - t / (STEPS - 1)
        w = DECAY * (end + (1 - end) * (1 + math.cos(math.pi * t / (STEPS - 1))) / 2)
        g = gradients[t] + (w * theta if kind == "l2" else 0)
        buffer = g if t == 0 else MOMENTUM * buffer + g
        u = LR * s * buffer
        decay = {
            "l2": 0,
            "decoupled": LR * s * w * theta,
            "independent": s * w * theta,
            "cautious": LR * s * w * theta * (u * theta >= 0),
        }[kind]
        theta = theta - u - decay
    return theta


MOMENTUM_SGD: Any = partial(SGD, lr=LR, weight_decay=DECAY, momentum=MOMENTUM)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("end", [1.0, 0.0, 4.0])
def test_each_kind_follows_its_equation(kind: str, end: float) -> None:
    np.testing.assert_allclose(run(MOMENTUM_SGD, kind, end=end), by_hand(kind, end=end), rtol=1e-13)


def test_the_kinds_differ_from_each_other() -> None:
    ends = [by_hand(kind) for kind in KINDS]
    for index, left in enumerate(ends):
        assert all(np.abs(left - right).max() > 1e-3 for right in ends[:index])


@pytest.mark.parametrize(
    ("kind", "inside", "own"),
    [("l2", AdamW, Adam), ("decoupled", Adam, AdamW)],
)
def test_the_kind_replaces_that_of_the_optimizer(kind: str, inside: Any, own: Any) -> None:
    replaced = run(partial(inside, lr=LR, weight_decay=DECAY), kind)
    np.testing.assert_allclose(replaced, run(partial(own, lr=LR, weight_decay=DECAY), "own"), rtol=1e-13)


@pytest.mark.parametrize("kind", [*KINDS, "own"])
def test_a_resumed_run_decays_on_as_before(kind: str) -> None:
    straight = run(MOMENTUM_SGD, kind, end=0.2)
    assert np.array_equal(straight, run(MOMENTUM_SGD, kind, end=0.2, resume_at=3))


def test_the_decay_of_a_group_can_be_read_between_steps() -> None:
    model = Weights(np.ones((2, 2)))
    optimizer = build_optimizer(model, MOMENTUM_SGD, groups("cautious", 0.5))
    schedule = build_schedule(optimizer, partial(linear, warmup=0, floor=0.0), 3)
    seen = []
    for _ in range(3):
        model.theta.grad = torch.ones(2, 2, dtype=torch.float64)
        seen.append(optimizer.param_groups[0]["weight_decay"])
        optimizer.step()
        schedule.step()
    assert seen == pytest.approx([DECAY, 0.75 * DECAY, 0.5 * DECAY])


def test_an_optimizer_with_weights_of_its_own_decays_by_itself() -> None:
    class Averaging(SGD):
        def eval(self) -> None: ...

    averaging: Any = partial(Averaging, lr=LR)
    with pytest.raises(UserError, match="weight_decay_kind=cautious does not go with Averaging"):
        build_optimizer(Weights(np.ones((2, 2))), averaging, groups("cautious"))
