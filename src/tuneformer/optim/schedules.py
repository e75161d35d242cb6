"""Learning-rate schedules: pure functions from the step to a factor of the peak rate.

Every schedule is `factor(step, *, horizon, warmup, floor, ...)`: `step` is the index of the optimizer
step, from 0; `horizon` is the number of optimizer steps of the run. All share one linear warmup, so that
a comparison of schedules is not one of warmups, and all have the same `floor`:

    W = warmup steps
    factor(t) = (t + 1) / (W + 1)                        for t < W
    factor(t) = max(floor, shape(t - W, p))              from t = W, where it is 1
    p = (t - W) / (horizon - 1 - W)                      0 at the peak, 1 at the last step

A shape with a target is exactly `floor` at the last step. Past the horizon the last factor stays.
Each argument but the horizon says what it may be (`config.setting`): the checks read it there, before a
schedule is followed. Nothing here imports torch, so that settings can be checked and curves drawn without it.
"""

import math
from collections.abc import Callable, Mapping
from typing import Annotated, Any, Protocol, TypeVar, runtime_checkable

from tuneformer.config.building import component_of
from tuneformer.config.ranges import ABOVE_ZERO_TO_ONE, NOT_NEGATIVE, POSITIVE, ZERO_TO_ONE, Number
from tuneformer.config.registry import TARGET, allowed_by_user, registered_names
from tuneformer.config.setting import Setting
from tuneformer.config.shown import shown
from tuneformer.errors import UserError

STEPS = "below 1: fraction of the run; from 1 on: optimizer steps"
TENTH = "a tenth, so that shapes compare; Chinchilla, 2203.15556, has it for a cosine"

RATIO = "last rate / peak rate"

Warmup = Annotated[
    Number,
    Setting(
        "linear warmup to the peak rate",
        NOT_NEGATIVE,
        unit=STEPS,
        source="5 % in AlgoPerf, 2306.07179",
        search=(0.01, 0.4),
        search_below=0.9,
        also_try=(0.2, 0.02),
    ),
]
Floor = Annotated[Number, Setting(RATIO, ZERO_TO_ONE, source=TENTH)]
NeverBelow = Annotated[Number, Setting("the rate never falls below floor x peak", ZERO_TO_ONE, source=TENTH)]
PositiveFloor = Annotated[Number, Setting(RATIO, ABOVE_ZERO_TO_ONE, source=TENTH)]
UnusedFloor = Annotated[Number, Setting("without effect: a constant rate never reaches it", ZERO_TO_ONE)]

Shape = Callable[[int, float], Number]
"""(steps since the end of warmup, progress from 0 to 1) -> factor of the peak rate."""


@runtime_checkable
class Schedule(Protocol):
    """A schedule with its settings bound: only the step and the horizon are open."""

    def __call__(self, step: int, /, *, horizon: int) -> float:
        """The factor of the peak rate at optimizer step `step`, from 0."""
        ...


StableUntil = Callable[[Mapping[str, Any], int], int]
"""(settings, horizon) -> the first step whose factor may be below its peak after warmup."""
Factor = TypeVar("Factor", bound=Callable[..., float])


def stable(until: StableUntil) -> Callable[[Factor], Factor]:
    """Says of a schedule that its rate stays at the peak after warmup, and so is the same for many horizons.

    Runs may branch off such a one (branch_from), also where it is of the user's own.
    """

    def said(schedule: Factor) -> Factor:
        vars(schedule)["stable_until"] = until
        return schedule

    return said


def cooldown_start(settings: Mapping[str, Any], horizon: int) -> int | None:
    """The first step of a schedule whose factor may be below its peak after warmup; None: at once.

    `settings`: the group `scheduler` of a configuration, which may be one that was saved.
    Raises UserError where settings of its length are no numbers.
    """
    target = settings.get(TARGET)
    if not isinstance(target, str):
        return None
    if target not in registered_names("scheduler") and allowed_by_user(target) is None:
        return None
    until: StableUntil | None = getattr(component_of(("scheduler",), settings), "stable_until", None)
    return None if until is None else until(settings, horizon)


def warmup_steps(warmup: Number, horizon: int) -> int:
    """Steps of warmup: `warmup` below 1 is a fraction of the horizon (rounded), from 1 on a number of steps.

    Raises UserError for a fractional number of steps, and for a warmup that is not shorter than the run.
    """
    steps = steps_of("scheduler.warmup", warmup, horizon)
    if steps >= horizon:
        given = f"{shown(warmup)} ({steps} steps)" if warmup < 1 else shown(warmup)
        raise UserError(
            f"scheduler.warmup={given} must be shorter than the run (trainer.max_steps={horizon})"
        )
    return steps


def warm_up_then(shape: Shape, step: int, *, horizon: int, warmup: Number, floor: Number) -> float:
    """Linear warmup to 1, then `shape`, never below `floor`.

    A run whose only step after warmup is its last one ends on the peak, not on the floor.
    Raises UserError for a warmup that is no number of steps, or not shorter than the run.
    """
    assert horizon >= 1
    W = warmup_steps(warmup, horizon)
    t = min(step, horizon - 1)
    if t < W:
        return (t + 1) / (W + 1)
    return float(max(floor, shape(t - W, (t - W) / max(horizon - 1 - W, 1))))


@stable(lambda _, horizon: horizon)
def constant(step: int, *, horizon: int, warmup: Warmup, floor: UnusedFloor) -> float:
    """shape = 1. It never reaches `floor`, which is taken so that every schedule has it."""
    return warm_up_then(lambda _k, _p: 1.0, step, horizon=horizon, warmup=warmup, floor=floor)


def linear(step: int, *, horizon: int, warmup: Warmup, floor: Floor) -> float:
    """shape = floor + (1 - floor) (1 - p)."""
    return warm_up_then(
        lambda _, p: floor + (1 - floor) * (1 - p), step, horizon=horizon, warmup=warmup, floor=floor
    )


def cosine(step: int, *, horizon: int, warmup: Warmup, floor: Floor) -> float:
    """shape = floor + (1 - floor) (1 + cos(pi p)) / 2 (SGDR without restarts, 1608.03983, equation 5)."""
    return warm_up_then(
        lambda _, p: floor + (1 - floor) * (1 + math.cos(math.pi * p)) / 2,
        step,
        horizon=horizon,
        warmup=warmup,
        floor=floor,
    )


def polynomial(
    step: int,
    *,
    horizon: int,
    warmup: Warmup,
    floor: Floor,
    power: Annotated[
        Number,
        Setting(
            "power of the way that is left; 1 is linear",
            POSITIVE,
            source="2: LARS, 1708.03888; 0.9: DeepLab, 1606.00915",
        ),
    ],
) -> float:
    """shape = floor + (1 - floor) (1 - p)^power (LARS, 1708.03888)."""
    return warm_up_then(
        lambda _, p: floor + (1 - floor) * (1 - p) ** power,
        step,
        horizon=horizon,
        warmup=warmup,
        floor=floor,
    )


def exponential(step: int, *, horizon: int, warmup: Warmup, floor: PositiveFloor) -> float:
    """shape = floor^p: the same ratio from each step to the next."""
    return warm_up_then(lambda _, p: floor**p, step, horizon=horizon, warmup=warmup, floor=floor)


def step_decay(
    step: int,
    *,
    horizon: int,
    warmup: Warmup,
    floor: NeverBelow,
    gamma: Annotated[
        Number,
        Setting(
            "factor of each drop",
            ABOVE_ZERO_TO_ONE,
            source="DeepSeek LLM, 2401.02954: two drops make a tenth",
        ),
    ],
    every: Annotated[
        Number,
        Setting(
            "from one drop to the next",
            POSITIVE,
            unit=STEPS,
            source="a third: two drops after warmup",
        ),
    ],
) -> float:
    """shape = gamma^floor(k / E), k the steps since the end of warmup (DeepSeek LLM, 2401.02954).

    E = `every` steps, or the fraction `every` of the horizon where it is below 1 (rounded, at least one
    step). Raises UserError where `every` is neither a fraction nor a whole number.
    """
    interval = max(steps_of("scheduler.every", every, horizon), 1)
    return warm_up_then(
        lambda k, _: gamma ** (k // interval), step, horizon=horizon, warmup=warmup, floor=floor
    )


def inverse_sqrt(step: int, *, horizon: int, warmup: Warmup, floor: NeverBelow) -> float:
    """shape = sqrt(W / (W + k)) = sqrt(W / t), k the steps since the end of warmup.

    Without warmup W counts as 1, as the shape has no other scale. With the shared warmup this is the
    schedule of the Transformer (1706.03762, equation 3) over its own peak.
    """
    W = max(warmup_steps(warmup, horizon), 1)
    return warm_up_then(
        lambda k, _: math.sqrt(W / (W + k)), step, horizon=horizon, warmup=warmup, floor=floor
    )


def geometric(step: int, *, horizon: int, low: Number, high: Number) -> float:
    """low (high / low)^(t / (horizon - 1)): the same ratio from each step to the next; for range tests."""
    return float(low * (high / low) ** (min(step, horizon - 1) / max(horizon - 1, 1)))


def steps_of(setting: str, value: Number, horizon: int) -> int:
    """`value` below 1 as a fraction of the horizon, from 1 on as a whole number of steps."""
    if value < 1:
        return round(value * horizon)
    if value != int(value):
        raise UserError(f"{setting}={shown(value)} must be a fraction below 1 or a whole number of steps")
    return int(value)
