import io
from collections.abc import Callable
from functools import partial
from typing import Any

import pytest
import torch
from pytorch_lightning.plugins import MixedPrecision
from torch import Tensor, nn
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LRScheduler

from tests.optim.conftest import CONF, OWN_DECAY
from tuneformer.config.options import list_options
from tuneformer.errors import UserError
from tuneformer.optim.build import build_optimizer, build_schedule
from tuneformer.optim.param_groups import ParamGroups

pytestmark = pytest.mark.fast

HORIZON = 12
OPTIMIZERS, SCHEDULES = (
    [name for name in list_options(group, [CONF]) if name != "any"] for group in ("optimizer", "scheduler")
)


def groups(*, lr: float = 0.5, decay: float = 0.0) -> ParamGroups:
    bias = {"name": "bias", "pattern": "bias", "lr_multiplier": lr, "weight_decay_multiplier": decay}
    rest = {"name": "rest", "pattern": ".", "lr_multiplier": 1.0, "weight_decay_multiplier": 1.0}
    return ParamGroups(**OWN_DECAY, rules=[bias, rest | {"hidden_matrices": True}])


def start(
    make: Callable, optimizer_option: str, schedule_option: str
) -> tuple[nn.Module, Optimizer, LRScheduler]:
    torch.default_generator.manual_seed(0)
    model = nn.Sequential(nn.Linear(4, 6), nn.Tanh(), nn.Linear(6, 2))
    optimizer = build_optimizer(model, make("optimizer", optimizer_option), groups())
    schedule = make("scheduler", schedule_option, warmup=3)
    return model, optimizer, build_schedule(optimizer, schedule, HORIZON)


def train(model: nn.Module, optimizer: Optimizer, scheduler: LRScheduler, steps: range) -> None:
    getattr(optimizer, "train", lambda: None)()
    for step in steps:
        batch = torch.randn(5, 4, generator=torch.Generator().manual_seed(step))

        def closure(batch: Tensor = batch) -> Tensor:
            optimizer.zero_grad()
            loss = model(batch).pow(2).mean()
            loss.backward()
            return loss

        torch.default_generator.manual_seed(step)
        optimizer.step(closure)  # pyright: ignore[reportCallIssue, reportArgumentType]
        scheduler.step()


def through_a_file(state: dict[str, Any]) -> dict[str, Any]:
    file = io.BytesIO()
    torch.save(state, file)
    file.seek(0)
    return torch.load(file, weights_only=True)


@pytest.mark.parametrize(
    ("option", "schedule"),
    [(option, SCHEDULES[place % len(SCHEDULES)]) for place, option in enumerate(OPTIMIZERS)],
)
def test_a_resumed_run_ends_on_the_same_bits(option: str, schedule: str, make: Callable) -> None:
    """Every optimizer, and every schedule with two of them: neither knows of the other."""
    straight, optimizer, scheduler = start(make, option, schedule)
    train(straight, optimizer, scheduler, range(HORIZON))

    killed, optimizer, scheduler = start(make, option, schedule)
    train(killed, optimizer, scheduler, range(5))
    parts = {"model": killed, "optimizer": optimizer, "scheduler": scheduler}
    saved = through_a_file({name: part.state_dict() for name, part in parts.items()})
    resumed, optimizer, scheduler = start(make, option, schedule)
    for name, part in {"model": resumed, "optimizer": optimizer, "scheduler": scheduler}.items():
        part.load_state_dict(saved[name])
    train(resumed, optimizer, scheduler, range(5, HORIZON))

    pairs = zip(straight.parameters(), resumed.parameters(), strict=True)
    assert all(torch.equal(a, b) for a, b in pairs)


def test_each_group_trains_at_its_peak_times_the_factor_of_the_step(make: Callable) -> None:
    model, optimizer, scheduler = start(make, "adamw", "linear")
    factor = make("scheduler", "linear", warmup=3)
    peak = make("optimizer", "adamw").keywords["lr"]
    for step in range(HORIZON):
        rates = {group["name"]: group["lr"] for group in optimizer.param_groups}
        expected = peak * factor(step, horizon=HORIZON)
        assert rates == {"bias": pytest.approx(0.5 * expected), "rest": pytest.approx(expected)}
        train(model, optimizer, scheduler, range(step, step + 1))


def test_groups_carry_their_rules_name_and_decay(optimizer_option: str, make: Callable) -> None:
    factory = make("optimizer", optimizer_option, weight_decay=0.2)
    optimizer = build_optimizer(nn.Linear(2, 3), factory, groups(decay=0.5))
    decay = {group["name"]: group["weight_decay"] for group in optimizer.param_groups}
    assert decay == {"bias": pytest.approx(0.1), "rest": pytest.approx(0.2)}


def test_no_list_of_the_configuration_reaches_the_optimizer(optimizer_option: str, make: Callable) -> None:
    optimizer = build_optimizer(nn.Linear(2, 3), make("optimizer", optimizer_option), groups())
    values = {
        key: value for key, value in optimizer.param_groups[0].items() if key not in ("params", "param_names")
    }
    assert not any(isinstance(value, list) for value in values.values())
    assert type(values.get("betas", ())) is tuple


def test_a_frozen_parameter_has_no_state_and_does_not_move(make: Callable) -> None:
    frozen, trained = nn.Linear(4, 4).requires_grad_(False), nn.Linear(4, 4)
    model = nn.Sequential(frozen, trained)
    before = frozen.weight.clone()
    optimizer = build_optimizer(model, make("optimizer", "adamw"), groups())
    model(torch.randn(2, 4)).sum().backward()
    optimizer.step()
    assert set(optimizer.state) == {trained.weight, trained.bias}
    assert torch.equal(frozen.weight, before)


@pytest.mark.parametrize("option", ["adam", "adamw", "sgd"])
def test_fused_and_plain_updates_agree_to_rounding(option: str, make: Callable) -> None:
    ends = []
    for fused in (True, False):
        torch.default_generator.manual_seed(0)
        model = nn.Linear(4, 2)
        optimizer = build_optimizer(model, make("optimizer", option, fused=fused, weight_decay=0.1), groups())
        schedule = build_schedule(optimizer, make("scheduler", "constant"), HORIZON)
        train(model, optimizer, schedule, range(HORIZON))
        ends.append(model.weight.detach())
    torch.testing.assert_close(ends[0], ends[1], rtol=1e-5, atol=1e-6)


def test_gradients_are_clipped_under_mixed_precision_also_with_a_fused_update(
    optimizer_option: str, make: Callable
) -> None:
    model = nn.Linear(4, 2)
    optimizer = build_optimizer(model, make("optimizer", optimizer_option), groups())
    model(torch.full((3, 4), 100.0)).sum().backward()
    MixedPrecision(precision="bf16-mixed", device="cpu").clip_gradients(optimizer, clip_val=1.0)
    norm = torch.stack([p.grad.norm() for p in model.parameters() if p.grad is not None]).norm()
    torch.testing.assert_close(norm, torch.tensor(1.0))


@pytest.mark.parametrize("option", ["adam", "adamw", "sgd"])
def test_a_gradient_scaler_changes_no_update_of_a_fused_optimizer(option: str, make: Callable) -> None:
    ends = []
    for scale in (1.0, 2.0**16):
        torch.default_generator.manual_seed(0)
        model = nn.Linear(4, 2)
        optimizer = build_optimizer(model, make("optimizer", option), groups())
        scaler = torch.amp.GradScaler("cpu", init_scale=scale)
        for _ in range(3):
            optimizer.zero_grad()
            scaler.scale(model(torch.randn(3, 4)).pow(2).mean()).backward()
            scaler.step(optimizer)
            scaler.update()
        ends.append(model.weight.detach())
    torch.testing.assert_close(ends[0], ends[1], rtol=1e-6, atol=0)


@pytest.mark.parametrize(("setting", "value"), [("lr", -1.0), ("eps", 0.0), ("betas", [0.9, 1.5])])
def test_an_impossible_value_is_refused_before_torch_sees_it(
    setting: str, value: Any, make: Callable
) -> None:
    with pytest.raises(UserError, match=rf"^optimizer\.{setting}="):
        build_optimizer(nn.Linear(2, 3), make("optimizer", "adamw", **{setting: value}), groups())


def test_a_schedule_that_the_run_is_too_short_for_is_refused_at_once(make: Callable) -> None:
    optimizer = build_optimizer(nn.Linear(2, 3), make("optimizer", "adamw"), groups())
    with pytest.raises(UserError, match=r"^scheduler\.warmup=30 must be shorter than the run"):
        build_schedule(optimizer, make("scheduler", "cosine", warmup=30), HORIZON)


def test_any_function_of_step_and_horizon_is_a_schedule(make: Callable) -> None:
    def halves(step: int, *, horizon: int) -> float:
        return 1.0 if step < horizon / 2 else 0.5

    optimizer = build_optimizer(nn.Linear(2, 3), partial(torch.optim.SGD, lr=1.0, weight_decay=0.0), groups())
    scheduler = build_schedule(optimizer, halves, 4)
    rates = []
    for _ in range(4):
        rates.append(optimizer.param_groups[1]["lr"])
        optimizer.step()
        scheduler.step()
    assert rates == [1.0, 1.0, 0.5, 0.5]


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.bfloat16])
def test_plain_descent_moves_every_weight_in_every_precision(dtype: torch.dtype) -> None:
    model = nn.Linear(64, 16).to(dtype)
    before = model.weight.detach().clone()
    factory: partial[Optimizer] = partial(torch.optim.SGD, lr=0.5, momentum=0.9, weight_decay=0.0, fused=True)
    optimizer = build_optimizer(model, factory, groups(lr=1.0))
    model.weight.grad = torch.full_like(model.weight, 0.25)
    optimizer.step()
    assert torch.equal(model.weight, before - 0.125)
