import math
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tuneformer.errors import UserError
from tuneformer.optim.schedules import cooldown_start, warmup_steps
from tuneformer.optim.staged_schedules import (
    COOLDOWNS,
    cosine_restarts,
    cyclic,
    infinite_cosine,
    one_cycle,
    wsd,
)

pytestmark = pytest.mark.fast

Factor = Callable[..., float]

WSD = {"cooldown": 10, "cooldown_shape": "linear"}
EVERY: dict[str, tuple[Factor, dict[str, Any]]] = {
    **{f"wsd {name}": (wsd, {**WSD, "cooldown_shape": name}) for name in COOLDOWNS},
    "cosine_restarts": (cosine_restarts, {"cycles": 2, "multiplier": 2.0}),
    "one_cycle": (one_cycle, {"low": 0.2, "annihilation": 0.2}),
    "cyclic": (cyclic, {"cycles": 2}),
    "infinite_cosine": (infinite_cosine, {"level": 0.5, "decay": 0.4, "cooldown": 0.2}),
}
every_schedule = pytest.mark.parametrize(("factor", "own"), EVERY.values(), ids=EVERY.keys())

# 5 steps of warmup, the peak at step 5, and 30 steps from there to the last, step 35
RUN = {"horizon": 36, "warmup": 5, "floor": 0.1}


@pytest.mark.parametrize(
    ("name", "step", "expected"),
    [
        # the last ten of 36 steps: 26 to 35; step 25 is the last at the peak
        ("wsd linear", 25, 1.0),
        ("wsd linear", 26, 0.1 + 0.9 * 0.9),
        ("wsd linear", 30, 0.1 + 0.9 * 0.5),
        ("wsd cosine", 30, 0.1 + 0.9 * 0.5),
        ("wsd cosine", 26, 0.1 + 0.45 * (1 + math.cos(math.pi / 10))),
        ("wsd one_minus_sqrt", 29, 0.1 + 0.9 * (1 - math.sqrt(0.4))),
        ("wsd sqrt", 29, 0.1 + 0.9 * math.sqrt(0.6)),
        # cycles of 10 and 20 steps: the restart is at step 15
        ("cosine_restarts", 10, 0.55),
        ("cosine_restarts", 15, 1.0),
        ("cosine_restarts", 25, 0.55),
        # down to 0.2 over the first 24 of 30 steps, then to the floor
        ("one_cycle", 17, 0.6),
        ("one_cycle", 29, 0.2),
        ("one_cycle", 32, 0.15),
        # one and a half waves in 30 steps: floor at 15, peak at 25, floor at 35
        ("cyclic", 10, 0.55),
        ("cyclic", 15, 0.1),
        ("cyclic", 25, 1.0),
        # a cosine to 0.5 over 12 of 30 steps, constant to step 29, then 0.5 to 0.1 by equal ratios
        ("infinite_cosine", 11, 0.75),
        ("infinite_cosine", 17, 0.5),
        ("infinite_cosine", 29, 0.5),
        ("infinite_cosine", 32, math.sqrt(0.05)),
    ],
)
def test_the_closed_form_holds_in_every_stage(name: str, step: int, expected: float) -> None:
    factor, own = EVERY[name]
    assert factor(step, **RUN, **own) == pytest.approx(expected, rel=1e-9)


@every_schedule
def test_all_share_the_warmup_the_peak_and_the_floor_at_the_end(factor: Factor, own: dict) -> None:
    assert [factor(t, **RUN, **own) for t in range(6)] == pytest.approx([t / 6 for t in range(1, 7)])
    assert factor(5, **RUN, **own) == 1.0
    assert factor(35, **RUN, **own) == pytest.approx(0.1, rel=1e-12)
    assert factor(1000, **RUN, **own) == factor(35, **RUN, **own)


@st.composite
def runs(draw: st.DrawFn) -> dict[str, Any]:
    horizon = draw(st.integers(30, 90))
    return {"horizon": horizon, "warmup": draw(st.integers(0, 10)), "floor": draw(st.floats(1e-3, 0.2))}


@every_schedule
@settings(max_examples=12, deadline=None)
@given(run=runs())
def test_factors_stay_between_floor_and_peak(factor: Factor, own: dict, run: dict[str, Any]) -> None:
    factors = [factor(t, **run, **own) for t in range(run["horizon"])]
    assert factors[run["warmup"]] == 1.0 == max(factors)
    assert min(factors[run["warmup"] :]) >= run["floor"] * (1 - 1e-12)
    assert min(factors) > 0


# the largest |d shape / dp|, where there is no jump; roots are steep at one end, so that they are left out
SLOPES = {
    "one_cycle": lambda run: max(0.8 / 0.8, 0.2 / 0.2),
    "cyclic": lambda run: 2 * 1.5,
    "infinite_cosine": lambda run: max(0.5 * math.pi / 2 / 0.4, 0.5 * math.log(0.5 / run["floor"]) / 0.2),
}


@pytest.mark.parametrize("name", SLOPES)
@settings(max_examples=12, deadline=None)
@given(run=runs())
def test_no_seam_jumps(name: str, run: dict[str, Any]) -> None:
    factor, own = EVERY[name]
    factors = [factor(t, **run, **own) for t in range(run["horizon"])]
    W = run["warmup"]
    largest = SLOPES[name](run) / (run["horizon"] - 1 - W)
    assert all(abs(b - a) <= largest * (1 + 1e-9) for a, b in pairwise(factors[W:]))


@settings(max_examples=20, deadline=None)
@given(run=runs(), cooldown=st.floats(0.05, 0.6), name=st.sampled_from(sorted(COOLDOWNS)))
def test_a_cooldown_begins_where_it_says_and_falls_to_the_floor(
    run: dict[str, Any], cooldown: float, name: str
) -> None:
    own = {"cooldown": cooldown, "cooldown_shape": name}
    start = cooldown_start(
        {"_target_": "tuneformer.optim.staged_schedules.wsd", **run, **own}, run["horizon"]
    )
    assert start is not None
    assert run["horizon"] - start == max(round(cooldown * run["horizon"]), 1)
    factors = [wsd(t, **run, **own) for t in range(run["horizon"])]
    W = warmup_steps(run["warmup"], run["horizon"])
    assert set(factors[W:start]) == {1.0}
    assert all(b < a for a, b in pairwise(factors[start - 1 :]))
    assert factors[-1] == run["floor"]


OF_ONES_OWN = """
from tuneformer.optim.schedules import stable

@stable(lambda settings, horizon: horizon - settings["last"])
def plateau(step: int, *, horizon: int, warmup: float, last: int) -> float:
    return 1.0
"""


def test_a_schedule_of_ones_own_says_how_long_it_is_stable(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "my_plateau.py").write_text(OF_ONES_OWN)
    monkeypatch.syspath_prepend(tmp_path)
    settings = {"_target_": "my_plateau.plateau", "warmup": 0.1, "last": 30}
    assert cooldown_start(settings, 100) is None
    monkeypatch.setenv("TUNEFORMER_ALLOW", "my_plateau.*")
    assert cooldown_start(settings, 100) == 70


def test_only_stable_schedules_have_a_trunk() -> None:
    def start(name: str, **own: Any) -> int | None:
        return cooldown_start({"_target_": name, "warmup": 5, **own}, 100)

    assert start("tuneformer.optim.schedules.constant") == 100
    assert start("tuneformer.optim.staged_schedules.wsd", cooldown=0.3) == 70
    assert start("tuneformer.optim.staged_schedules.wsd", cooldown=12) == 88
    assert start("tuneformer.optim.schedules.cosine") is None
    assert start("own.schedules.constant") is None


@pytest.mark.parametrize(
    ("factor", "own", "message"),
    [
        (
            wsd,
            {**WSD, "cooldown": 31},
            "scheduler.cooldown=31 (31 steps) and scheduler.warmup=5 (5 steps) leave",
        ),
        (
            one_cycle,
            {"low": 0.05, "annihilation": 0.1},
            "scheduler.low=0.05 must be at least scheduler.floor=0.1",
        ),
        (
            infinite_cosine,
            {"level": 0.05, "decay": 0.1, "cooldown": 0.1},
            "scheduler.level=0.05 must be at least",
        ),
        (infinite_cosine, {"level": 0.5, "decay": 0.6, "cooldown": 0.5}, "must not exceed 1"),
    ],
)
def test_settings_that_cannot_be_followed_are_named(factor: Factor, own: dict, message: str) -> None:
    with pytest.raises(UserError) as error:
        factor(0, **RUN, **own)
    assert message in str(error.value)
