"""Schedules in several stages: stable and down, cycles, restarts.

Each is a `tuneformer.optim.schedules.Shape` after the shared warmup, as every schedule.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Annotated, Any

from tuneformer.config.ranges import ABOVE_ZERO_TO_ONE, BELOW_ONE, POSITIVE, ZERO_TO_ONE, Number, up_to
from tuneformer.config.setting import Setting
from tuneformer.config.shown import shown
from tuneformer.errors import UserError
from tuneformer.optim.schedules import (
    RATIO,
    STEPS,
    Floor,
    PositiveFloor,
    Warmup,
    stable,
    steps_of,
    warm_up_then,
    warmup_steps,
)

COOLDOWNS: dict[str, Callable[[float], float]] = {
    "linear": lambda q: 1 - q,
    "cosine": lambda q: (1 + math.cos(math.pi * q)) / 2,
    "one_minus_sqrt": lambda q: 1 - math.sqrt(q),
    "sqrt": lambda q: math.sqrt(1 - q),
}
"""Cooldowns from 1 at q = 0 to 0 at q = 1; 1 - sqrt(q) is that of 2405.18392."""

MOST_CYCLES = 10_000
LONGEST_OVER_SHORTEST = 100.0
"""The natural logarithm of the ratio between two cycles beyond which no run steps into the shorter."""


def _until_cooldown(settings: Mapping[str, Any], horizon: int) -> int:
    warmup, cooldown = settings.get("warmup"), settings.get("cooldown")
    if not isinstance(warmup, int | float) or not isinstance(cooldown, int | float):
        raise UserError("scheduler.warmup and scheduler.cooldown must be numbers")
    return horizon - _cooldown_steps(cooldown, warmup, horizon)


@stable(_until_cooldown)
def wsd(
    step: int,
    *,
    horizon: int,
    warmup: Warmup,
    floor: Floor,
    cooldown: Annotated[
        Number,
        Setting("length of the cooldown", POSITIVE, unit=STEPS, source="20 %: 2405.18392"),
    ],
    cooldown_shape: Annotated[
        str,
        Setting(
            "how the cooldown falls: linear 1 - q, cosine (1 + cos(pi q)) / 2, one_minus_sqrt"
            " 1 - sqrt(q), sqrt sqrt(1 - q)",
            tuple(COOLDOWNS),
            source="2405.18392",
        ),
    ],
) -> float:
    """Warmup, the peak rate, and a cooldown over the last C steps: warmup-stable-decay (2405.18392).

    shape = 1 before the cooldown, then floor + (1 - floor) c(q) with q from 0 at the last stable step to 1
    at the last step; c of COOLDOWNS. C = `cooldown` steps, or that fraction of the horizon where it is
    below 1. The stable part of one run serves several horizons: branch_from=<run>. Raises UserError unless
    a stable step is left between warmup and cooldown.
    """
    start = horizon - _cooldown_steps(cooldown, warmup, horizon)
    shape = COOLDOWNS[cooldown_shape]
    W = warmup_steps(warmup, horizon)

    return warm_up_then(
        lambda k, _: (
            1 if k + W < start else floor + (1 - floor) * shape((k + W - start + 1) / (horizon - start))
        ),
        step,
        horizon=horizon,
        warmup=warmup,
        floor=floor,
    )


def cosine_restarts(
    step: int,
    *,
    horizon: int,
    warmup: Warmup,
    floor: Floor,
    cycles: Annotated[int, Setting("cosines in the run", up_to(MOST_CYCLES))],
    multiplier: Annotated[
        Number,
        Setting(
            "length of a cycle / length of the one before",
            POSITIVE,
            source="1 or 2: 1608.03983",
        ),
    ],
) -> float:
    """Cosines from 1 to floor, `cycles` in the run, each `multiplier` times as long as the one before.

    SGDR (1608.03983), with cycles that fill the run, so that the last step is exactly `floor`. The factor
    jumps back to 1 at each restart. Raises UserError where a cycle would be lost beside a longer one.
    """
    if (cycles - 1) * abs(math.log(multiplier)) > LONGEST_OVER_SHORTEST:
        raise UserError(
            f"scheduler.multiplier={shown(multiplier)} must be nearer to 1 with scheduler.cycles={cycles}"
        )
    lengths = [multiplier**cycle for cycle in range(cycles)]

    return warm_up_then(
        lambda _, p: floor + (1 - floor) * (1 + math.cos(math.pi * _position_in_cycle(p, lengths))) / 2,
        step,
        horizon=horizon,
        warmup=warmup,
        floor=floor,
    )


def one_cycle(
    step: int,
    *,
    horizon: int,
    warmup: Warmup,
    floor: Annotated[
        Number,
        Setting(RATIO, ZERO_TO_ONE, source="far below the lowest rate of the cycle: 1708.07120"),
    ],
    low: Annotated[
        Number,
        Setting(
            "rate at the end of the cycle / peak rate, at least floor",
            ZERO_TO_ONE,
            source="1708.07120",
        ),
    ],
    annihilation: Annotated[
        Number,
        Setting(
            "length of the last part",
            BELOW_ONE,
            unit="fraction of what follows the warmup",
            source="1708.07120",
        ),
    ],
) -> float:
    """Linear from 1 to `low`, then linear to `floor` over the last fraction `annihilation` (1708.07120).

    The way up is the shared warmup: 5 % here, 45 % in the paper. Raises UserError unless floor <= low.
    """
    if low < floor:
        raise UserError(f"scheduler.low={shown(low)} must be at least scheduler.floor={shown(floor)}")
    turn = 1 - annihilation

    return warm_up_then(
        lambda _, p: (
            1 - (1 - low) * p / turn
            if p < turn
            else low - (low - floor) * ((p - turn) / annihilation if annihilation else 1)
        ),
        step,
        horizon=horizon,
        warmup=warmup,
        floor=floor,
    )


def cyclic(
    step: int,
    *,
    horizon: int,
    warmup: Warmup,
    floor: Annotated[
        Number,
        Setting("lowest rate / peak rate", ZERO_TO_ONE, source="a third to a quarter: 1506.01186"),
    ],
    cycles: Annotated[
        int,
        Setting(
            "ways down; the last ends with the run",
            up_to(MOST_CYCLES),
            source="at least 3: 1506.01186",
        ),
    ],
) -> float:
    """A triangular wave between 1 and floor: `cycles` ways down, with ways up between (1506.01186).

    shape = floor + (1 - floor) |1 - 2 (x mod 1)|, x = (cycles - 1/2) p.
    """
    return warm_up_then(
        lambda _, p: floor + (1 - floor) * abs(1 - 2 * ((cycles - 0.5) * p % 1)),
        step,
        horizon=horizon,
        warmup=warmup,
        floor=floor,
    )


def infinite_cosine(
    step: int,
    *,
    horizon: int,
    warmup: Warmup,
    floor: PositiveFloor,
    level: Annotated[
        Number,
        Setting(
            "constant rate / peak rate, at least floor",
            ABOVE_ZERO_TO_ONE,
            source="1.65e-4 of 3e-4: 2403.08763",
        ),
    ],
    decay: Annotated[
        Number,
        Setting(
            "length of the cosine",
            BELOW_ONE,
            unit="fraction of what follows the warmup",
            source="about a quarter: 2403.08763",
        ),
    ],
    cooldown: Annotated[
        Number,
        Setting(
            "length of the exponential end",
            BELOW_ONE,
            unit="fraction of what follows the warmup",
            source="2403.08763",
        ),
    ],
) -> float:
    """Half a cosine from 1 to `level`, constant, then exponentially to `floor` (2403.08763, section 7.4).

    The level serves as a trunk that later training goes on from. Raises UserError unless floor <= level and
    `decay` and `cooldown` leave something between them.
    """
    if level < floor:
        raise UserError(f"scheduler.level={shown(level)} must be at least scheduler.floor={shown(floor)}")
    if decay + cooldown > 1:
        raise UserError(
            f"scheduler.decay={shown(decay)} and scheduler.cooldown={shown(cooldown)} must not exceed 1"
        )

    return warm_up_then(
        lambda _, p: (
            level + (1 - level) * (1 + math.cos(math.pi * p / decay)) / 2
            if p < decay
            else level * (floor / level) ** ((p - 1 + cooldown) / cooldown)
            if cooldown and p > 1 - cooldown
            else level
        ),
        step,
        horizon=horizon,
        warmup=warmup,
        floor=floor,
    )


def _position_in_cycle(progress: float, lengths: Sequence[Number]) -> float:
    """From 0 at the start of a cycle to 1 at its end, for cycles of these relative lengths."""
    position = progress * sum(lengths)
    for length in lengths[:-1]:
        if position < length:
            return position / length
        position -= length
    return min(position / lengths[-1], 1)


def _cooldown_steps(cooldown: Number, warmup: Number, horizon: int) -> int:
    steps = max(steps_of("scheduler.cooldown", cooldown, horizon), 1)
    W = warmup_steps(warmup, horizon)
    if W + steps >= horizon:
        raise UserError(
            f"scheduler.cooldown={shown(cooldown)} ({shown(steps)} steps) and"
            f" scheduler.warmup={shown(warmup)} ({W} steps) leave no stable step"
            f" of trainer.max_steps={horizon}"
        )
    return steps
