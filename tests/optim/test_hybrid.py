"""Two optimizers in one: it steps, saves and goes on as an ordinary one."""

from functools import partial
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.optim import SGD, AdamW, Muon, Optimizer

from tuneformer.errors import UserError
from tuneformer.optim.build import build_optimizer, build_schedule
from tuneformer.optim.hybrid import Hybrid
from tuneformer.optim.param_groups import ParamGroups
from tuneformer.optim.schedules import linear

pytestmark = pytest.mark.fast

ADAMW: Any = partial(AdamW, betas=(0.9, 0.99), eps=1e-8)
STEPS = 8


def groups(*, hidden: str = r"\.weight$", parts: list[int] | None = None) -> ParamGroups:
    multipliers = {"lr_multiplier": 1.0, "weight_decay_multiplier": 1.0}
    matrices = {"name": "hidden", "pattern": hidden, "hidden_matrices": True, "row_parts": parts or [1]}
    rules = [matrices | multipliers, {"name": "rest", "pattern": ".", "optional": True} | multipliers]
    return ParamGroups(rules=rules, weight_decay_kind="own", weight_decay_end=1.0)


def hybrid(matrices: Any, others: Any = ADAMW, ratio: float = 1.0) -> "partial[Optimizer]":
    settings = {"others_lr_ratio": ratio, "matrices": matrices, "others": others}
    return partial(Hybrid, lr=0.01, weight_decay=0.1, **settings)


def make_model() -> nn.Module:
    torch.default_generator.manual_seed(0)
    return nn.Sequential(nn.Linear(4, 6), nn.Tanh(), nn.Linear(6, 3))


def train(model: nn.Module, optimizer: Optimizer, schedule: Any, steps: range) -> None:
    for step in steps:
        batch = torch.randn(5, 4, generator=torch.Generator().manual_seed(step))

        def loss(batch: Tensor = batch) -> float:
            optimizer.zero_grad()
            value = model(batch).pow(2).mean()
            value.backward()
            return float(value.detach())

        loss_before = optimizer.step(loss)
        assert loss_before is not None
        assert loss_before > 0
        schedule.step()


def trained(factory: Any, *, resume_at: int | None = None) -> tuple[nn.Module, Optimizer]:
    schedule_of = partial(build_schedule, schedule=partial(linear, warmup=0, floor=0.0), horizon=STEPS + 1)
    model = make_model()
    optimizer = build_optimizer(model, factory, groups())
    schedule = schedule_of(optimizer)
    if resume_at is not None:
        train(model, optimizer, schedule, range(resume_at))
        saved = [torch.nn.Module.state_dict(model), optimizer.state_dict(), schedule.state_dict()]
        model = make_model()
        optimizer = build_optimizer(model, factory, groups())
        schedule = schedule_of(optimizer)
        for part, state in zip((model, optimizer, schedule), saved, strict=True):
            part.load_state_dict(state)
    train(model, optimizer, schedule, range(resume_at or 0, STEPS))
    return model, optimizer


def same(left: nn.Module, right: nn.Module) -> bool:
    return all(torch.equal(a, b) for a, b in zip(left.parameters(), right.parameters(), strict=True))


def test_two_of_the_same_kind_are_one_of_it_to_the_bit() -> None:
    alone, _ = trained(partial(ADAMW, lr=0.01, weight_decay=0.1))
    together, _ = trained(hybrid(ADAMW))
    assert same(alone, together)


def test_each_steps_its_own_parameters_at_its_own_rate() -> None:
    model, optimizer = trained(hybrid(partial(SGD), others=partial(SGD, momentum=0.9), ratio=0.5))
    matrices, _ = trained(partial(SGD, lr=0.01, weight_decay=0.1))
    assert not same(model, matrices)
    peaks = {group["name"]: group["initial_lr"] for group in optimizer.param_groups}
    assert peaks == {"hidden": 0.01, "rest": 0.005}
    names = {name for group in optimizer.param_groups for name in group["param_names"]}
    assert names == {"0.weight", "0.bias", "2.weight", "2.bias"}


@pytest.mark.parametrize("matrices", [ADAMW, partial(Muon), partial(SGD, momentum=0.9)])
def test_a_resumed_hybrid_ends_on_the_same_bits(matrices: Any) -> None:
    straight, _ = trained(hybrid(matrices, ratio=0.3))
    resumed, optimizer = trained(hybrid(matrices, ratio=0.3), resume_at=3)
    assert same(straight, resumed)
    assert len(optimizer.state) == 4


def test_stacked_matrices_are_trained_as_the_matrices_that_they_are() -> None:
    torch.default_generator.manual_seed(1)
    stacked = nn.ParameterDict({"fused": torch.randn(12, 4)})
    apart = nn.ParameterDict({f"part_{i}": rows.clone() for i, rows in enumerate(stacked["fused"].split(4))})
    whole = nn.ParameterDict({"fused": stacked["fused"].detach().clone()})
    gradients = torch.randn(5, 12, 4)
    for model, parts in ((stacked, [1, 1, 1]), (apart, [1]), (whole, [1])):
        optimizer = build_optimizer(model, hybrid(partial(Muon)), groups(hidden=".", parts=parts))
        for index, gradient in enumerate(gradients):
            rows = gradient.split([len(parameter) for parameter in model.parameters()])
            for parameter, part in zip(model.parameters(), rows, strict=True):
                parameter.grad = part.clone()
            optimizer.step()
            if index == 2:  # a state that went through a checkpoint
                optimizer.load_state_dict(optimizer.state_dict())
    assert torch.equal(stacked["fused"], torch.cat(list(apart.values())))
    assert not torch.allclose(stacked["fused"], whole["fused"], atol=1e-3)


def test_a_weight_that_moved_after_the_optimizer_was_built_is_still_the_one_that_is_trained() -> None:
    model = nn.ParameterDict({"fused": torch.randn(6, 2)})
    optimizer = build_optimizer(model, hybrid(partial(Muon)), groups(hidden=".", parts=[2, 1]))
    model["fused"].data = model["fused"].data.clone()
    before = model["fused"].detach().clone()
    model["fused"].grad = torch.randn(6, 2)
    optimizer.step()
    assert (model["fused"] - before).abs().min() > 0


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"hidden": "nothing"}, "matches no parameter"),
        ({"hidden": "bias"}, "0.bias of shape (6,) is no matrix: its rule in param_groups must not have"),
        ({"parts": [1, 1, 1, 1]}, "0.weight has 6 rows, which row_parts=[1, 1, 1, 1] of its rule"),
    ],
)
def test_what_a_matrix_optimizer_cannot_train_is_named(changed: dict[str, Any], message: str) -> None:
    with pytest.raises(UserError) as error:
        build_optimizer(make_model(), hybrid(partial(Muon)), groups(**changed))
    assert message in str(error.value)


def test_rules_that_hand_nothing_to_the_matrix_optimizer_are_refused() -> None:
    rule = {"name": "all", "pattern": ".", "lr_multiplier": 1.0, "weight_decay_multiplier": 1.0}
    everything = ParamGroups(rules=[rule], weight_decay_kind="own", weight_decay_end=1.0)
    with pytest.raises(UserError, match="choose param_groups=default"):
        build_optimizer(make_model(), hybrid(partial(Muon)), everything)
