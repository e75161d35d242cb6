import math
from collections.abc import Callable
from functools import partial
from itertools import pairwise
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.optim import lr_scheduler

from tuneformer.errors import UserError
from tuneformer.optim import schedules
from tuneformer.optim.schedules import warmup_steps

pytestmark = pytest.mark.fast

Factor = Callable[..., float]

EVERY: dict[str, tuple[Factor, dict[str, float]]] = {
    "constant": (schedules.constant, {}),
    "cosine": (schedules.cosine, {}),
    "linear": (schedules.linear, {}),
    "exponential": (schedules.exponential, {}),
    "polynomial": (schedules.polynomial, {"power": 2.0}),
    "inverse_sqrt": (schedules.inverse_sqrt, {}),
    "step": (schedules.step_decay, {"gamma": 0.5, "every": 0.25}),
}
every_schedule = pytest.mark.parametrize(("factor", "own"), EVERY.values(), ids=EVERY.keys())

# A run of 21 steps, 5 of warmup: the peak is step 5, the middle of the decay 12 or 13, the last step 20.
RUN = {"horizon": 21, "warmup": 5, "floor": 0.1}


@every_schedule
def test_warmup_rises_by_equal_amounts_from_above_zero_to_the_peak(factor: Factor, own: dict) -> None:
    rise = [factor(t, **RUN, **own) for t in range(6)]
    assert rise == pytest.approx([1 / 6, 2 / 6, 3 / 6, 4 / 6, 5 / 6, 1])
    assert rise[5] == 1.0


@pytest.mark.parametrize(
    ("name", "step", "expected"),
    [
        ("constant", 13, 1.0),
        ("constant", 20, 1.0),
        # 8 of 15 steps of decay: 1 + cos(8 pi / 15) = 1 - 0.10452846
        ("cosine", 13, 0.1 + 0.45 * 0.8954715367),
        ("cosine", 10, 0.1 + 0.45 * 1.5),  # a third: cos(pi / 3) = 1 / 2
        ("cosine", 20, 0.1),
        ("linear", 10, 0.7),
        ("linear", 15, 0.4),
        ("linear", 20, 0.1),
        ("exponential", 10, 0.46415888336),  # a third: the cube root of 0.1
        ("exponential", 15, 0.21544346900),
        ("exponential", 20, 0.1),
        ("polynomial", 10, 0.1 + 0.9 * 4 / 9),
        ("polynomial", 15, 0.1 + 0.9 / 9),
        ("polynomial", 20, 0.1),
        ("inverse_sqrt", 10, math.sqrt(5 / 10)),
        ("inverse_sqrt", 20, 0.5),
        # a quarter of 21 steps rounds to 5: drops at steps 10, 15 and 20
        ("step", 9, 1.0),
        ("step", 10, 0.5),
        ("step", 15, 0.25),
        ("step", 20, 0.125),
    ],
)
def test_after_warmup_the_closed_form_holds(name: str, step: int, expected: float) -> None:
    factor, own = EVERY[name]
    assert factor(step, **RUN, **own) == pytest.approx(expected, rel=1e-9)


@pytest.mark.parametrize("name", ["cosine", "linear", "exponential", "polynomial"])
@pytest.mark.parametrize("floor", [0.0, 0.1, 0.3, 1.0])
def test_the_last_step_is_the_floor_to_the_bit(name: str, floor: float) -> None:
    factor, own = EVERY[name]
    floor = max(floor, 1e-3) if name == "exponential" else floor
    assert factor(999, horizon=1000, warmup=0.05, floor=floor, **own) == floor


@pytest.mark.parametrize("name", ["step", "inverse_sqrt"])
def test_a_shape_without_a_target_stays_on_the_floor_once_there(name: str) -> None:
    factor, own = EVERY[name]
    factors = [factor(t, horizon=100, warmup=4, floor=0.3, **own) for t in range(4, 100)]
    assert factors[-1] == 0.3
    assert min(factors) == 0.3


@every_schedule
def test_past_the_horizon_the_last_factor_stays(factor: Factor, own: dict) -> None:
    last = factor(20, **RUN, **own)
    assert [factor(t, **RUN, **own) for t in (21, 22, 10_000)] == [last] * 3


@every_schedule
def test_a_run_of_one_step_trains_at_the_peak(factor: Factor, own: dict) -> None:
    assert factor(0, horizon=1, warmup=0.05, floor=0.1, **own) == 1.0


@st.composite
def runs(draw: st.DrawFn) -> dict[str, Any]:
    horizon = draw(st.integers(1, 200))
    steps = st.integers(0, horizon - 1)
    fraction = st.floats(0, 0.999).filter(lambda share: round(share * horizon) < horizon)
    return {
        "horizon": horizon,
        "warmup": draw(steps | fraction),
        "floor": draw(st.floats(1e-3, 1)),
    }


@every_schedule
@settings(max_examples=40, deadline=None)
@given(run=runs())
def test_factors_rise_to_one_and_never_rise_again(factor: Factor, own: dict, run: dict[str, Any]) -> None:
    factors = [factor(t, **run, **own) for t in range(run["horizon"] + 2)]
    peak = warmup_steps(run["warmup"], run["horizon"])
    assert factors[peak] == 1.0 == max(factors)
    assert min(factors) > 0
    assert min(factors[peak:]) >= run["floor"]
    assert sorted(factors[:peak]) == factors[:peak]
    assert all(later <= earlier + 1e-12 for earlier, later in pairwise(factors[peak:]))


@pytest.mark.parametrize(
    ("name", "steepest"),
    [  # the largest |d shape / dp|, at floor 0.001
        ("constant", 0.0),
        ("cosine", math.pi / 2),
        ("linear", 1.0),
        ("exponential", -math.log(1e-3)),
        ("polynomial", 2.0),
    ],
)
@settings(max_examples=40, deadline=None)
@given(run=runs())
def test_no_step_jumps_further_than_warmup_or_decay_slope(
    name: str, steepest: float, run: dict[str, Any]
) -> None:
    factor, own = EVERY[name]
    W = warmup_steps(run["warmup"], run["horizon"])
    factors = [factor(t, **run, **own) for t in range(run["horizon"])]
    allowed = max(1 / (W + 1), steepest / max(run["horizon"] - 1 - W, 1))
    assert all(abs(b - a) <= allowed + 1e-12 for a, b in pairwise(factors))


@settings(max_examples=40, deadline=None)
@given(run=runs())
def test_inverse_sqrt_meets_its_warmup_without_a_jump(run: dict[str, Any]) -> None:
    W = warmup_steps(run["warmup"], run["horizon"])
    peak, after = (schedules.inverse_sqrt(t, **run) for t in (W, W + 1))
    assert 0 <= peak - after <= 1 - math.sqrt(max(W, 1) / (max(W, 1) + 1)) + 1e-12


TORCH: dict[str, tuple[Factor, Callable[..., lr_scheduler.LRScheduler]]] = {
    "cosine": (
        partial(schedules.cosine, horizon=41, warmup=0, floor=0.1),
        partial(lr_scheduler.CosineAnnealingLR, T_max=40, eta_min=0.1),
    ),
    "linear": (
        partial(schedules.linear, horizon=41, warmup=0, floor=0.1),
        partial(lr_scheduler.LinearLR, start_factor=1.0, end_factor=0.1, total_iters=40),
    ),
    "polynomial": (
        partial(schedules.polynomial, horizon=41, warmup=0, floor=0, power=3.0),
        partial(lr_scheduler.PolynomialLR, total_iters=40, power=3.0),
    ),
    "exponential": (
        partial(schedules.exponential, horizon=41, warmup=0, floor=0.01),
        partial(lr_scheduler.ExponentialLR, gamma=0.01 ** (1 / 40)),
    ),
    "step": (
        partial(schedules.step_decay, horizon=41, warmup=0, floor=0, gamma=0.5, every=7),
        partial(lr_scheduler.StepLR, step_size=7, gamma=0.5),
    ),
    "warmup": (
        partial(schedules.constant, horizon=41, warmup=9, floor=0),
        partial(lr_scheduler.LinearLR, start_factor=0.1, end_factor=1.0, total_iters=9),
    ),
}


@pytest.mark.parametrize(("factor", "make_torch"), TORCH.values(), ids=TORCH.keys())
def test_rates_follow_torch_where_it_has_the_same_schedule(factor: Factor, make_torch: Callable) -> None:
    optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=1.0)
    theirs = make_torch(optimizer)
    for t in range(41):
        assert factor(t) == pytest.approx(optimizer.param_groups[0]["lr"], rel=1e-9, abs=1e-12)
        optimizer.step()
        theirs.step()


def test_inverse_sqrt_is_the_schedule_of_the_transformer_over_its_peak() -> None:
    def noam(step: int) -> float:  # 1706.03762, equation 3, steps from 1
        return min(step**-0.5, step * 400**-1.5)

    for t in (0, 5, 398, 399, 400, 1500, 3999):
        # its warmup of 400 steps ends on the peak, which here is one step past 399 of warmup
        ours = schedules.inverse_sqrt(t, horizon=4000, warmup=399, floor=0)
        assert ours == pytest.approx(noam(t + 1) / noam(400), rel=2e-3)


@pytest.mark.parametrize(
    ("warmup", "horizon", "steps"),
    [(0, 10, 0), (0.0, 10, 0), (0.05, 2000, 100), (0.05, 1, 0), (0.26, 10, 3), (1, 2, 1), (100.0, 2000, 100)],
)
def test_warmup_below_one_is_a_fraction_and_from_one_on_steps(
    warmup: float, horizon: int, steps: int
) -> None:
    assert warmup_steps(warmup, horizon) == steps


@pytest.mark.parametrize(
    ("name", "changed", "message"),
    [
        (
            "cosine",
            {"warmup": 1000, "horizon": 1000},
            "scheduler.warmup=1000 must be shorter than the run (trainer.max_steps=1000)",
        ),
        (
            "cosine",
            {"warmup": 0.99, "horizon": 10},
            "scheduler.warmup=0.99 (10 steps) must be shorter than the run (trainer.max_steps=10)",
        ),
        (
            "linear",
            {"warmup": 2.5},
            "scheduler.warmup=2.5 must be a fraction below 1 or a whole number of steps",
        ),
        ("step", {"every": 1.5}, "scheduler.every=1.5 must be a fraction below 1 or a whole number of steps"),
    ],
)
def test_a_run_that_cannot_follow_the_schedule_is_told_why(
    name: str, changed: dict[str, Any], message: str
) -> None:
    factor, own = EVERY[name]
    with pytest.raises(UserError) as error:
        factor(0, **{**RUN, **own, **changed})
    assert str(error.value) == message
