import math
import subprocess
import sys
from collections.abc import Callable
from typing import Any

import pytest

from tests.optim.conftest import CONF
from tuneformer.config.keys import check_group
from tuneformer.errors import UserError
from tuneformer.optim.checks import (
    check_optimizer_settings,
    check_schedule_settings,
)
from tuneformer.optim.rules import read_rules

pytestmark = pytest.mark.fast


def test_the_checks_load_neither_torch_nor_numpy() -> None:
    code = "import sys, tuneformer.optim.checks; sys.exit(bool({'torch', 'numpy'} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_every_optimizer_option_passes_its_check(optimizer_option: str, load_settings: Callable) -> None:
    check_optimizer_settings(load_settings("optimizer", optimizer_option))


@pytest.mark.parametrize("horizon", [1, 2, 100, 10**6])
def test_every_schedule_option_suits_any_length_of_run(
    schedule_option: str, horizon: int, load_settings: Callable
) -> None:
    settings = load_settings("scheduler", schedule_option)
    if (schedule_option, horizon) == ("wsd", 1):  # it has a stable step and a cooldown
        with pytest.raises(UserError, match=r"leave no stable step of trainer\.max_steps=1"):
            check_schedule_settings(settings, horizon)
    else:
        check_schedule_settings(settings, horizon)


@pytest.mark.parametrize("option", ["default", "mup", "nanogpt", "uniform"])
def test_every_option_of_parameter_groups_passes_its_check(option: str, load_settings: Callable) -> None:
    read_rules(load_settings("param_groups", option)["rules"])


@pytest.mark.parametrize(
    ("option", "changed", "message"),
    [
        ("adamw", {"lr": -1}, "optimizer.lr=-1 must be positive"),
        ("adamw", {"lr": 0}, "optimizer.lr=0 must be positive"),
        ("adamw", {"lr": None}, "optimizer.lr=null must be a number"),
        ("adamw", {"lr": float("nan")}, "optimizer.lr=nan must be a finite number"),
        ("adamw", {"weight_decay": -0.1}, "optimizer.weight_decay=-0.1 must be a number, 0 or greater"),
        ("adamw", {"eps": 0.0}, "optimizer.eps=0.0 must be positive"),
        ("adam", {"betas": [0.9, 1.0]}, "optimizer.betas=[0.9,1.0]: each must be at least 0 and below 1"),
        ("adam", {"betas": [0.9]}, "optimizer.betas=[0.9] must be a list of 2, each a number"),
        ("adam", {"betas": 0.9}, "optimizer.betas=0.9 must be a list of 2, each a number"),
        ("sgd", {"momentum": 1.0}, "optimizer.momentum=1.0 must be at least 0 and below 1"),
        ("sgd", {"dampening": 2}, "optimizer.dampening=2 must be from 0 to 1"),
        (
            "sgd",
            {"nesterov": True, "momentum": 0.0},
            "optimizer.nesterov=true needs optimizer.momentum above 0 and optimizer.dampening=0",
        ),
        (
            "sgd",
            {"nesterov": True, "dampening": 0.5},
            "optimizer.nesterov=true needs optimizer.momentum above 0 and optimizer.dampening=0",
        ),
        ("nadam", {"momentum_decay": -1}, "optimizer.momentum_decay=-1 must be a number, 0 or greater"),
    ],
)
def test_an_impossible_value_of_the_optimizer_is_named(
    option: str, changed: dict[str, Any], message: str, load_settings: Callable
) -> None:
    with pytest.raises(UserError) as error:
        check_optimizer_settings(load_settings("optimizer", option, **changed))
    assert str(error.value) == message


@pytest.mark.parametrize(
    ("option", "changed", "message"),
    [
        (
            "cosine",
            {"warmup": 200},
            "scheduler.warmup=200 must be shorter than the run (trainer.max_steps=100)",
        ),
        ("constant", {"warmup": -1}, "scheduler.warmup=-1 must be a number, 0 or greater"),
        ("constant", {"warmup": math.nan}, "scheduler.warmup=nan must be a finite number"),
        ("cosine", {"warmup": None}, "scheduler.warmup=null must be a number"),
        ("cosine", {"warmup": True}, "scheduler.warmup=true must be a number"),
        ("linear", {"floor": "low"}, "scheduler.floor=low must be a number"),
        ("linear", {"floor": [0.1]}, "scheduler.floor=[0.1] must be a number"),
        ("warmup", {"floor": 2}, "scheduler.floor=2 must be from 0 to 1"),
        ("inverse_sqrt", {"floor": -0.1}, "scheduler.floor=-0.1 must be from 0 to 1"),
        ("exponential", {"floor": 0}, "scheduler.floor=0 must be greater than 0 and at most 1"),
        ("step", {"gamma": 0.0}, "scheduler.gamma=0.0 must be greater than 0 and at most 1"),
        ("step", {"every": 0}, "scheduler.every=0 must be positive"),
        ("polynomial", {"power": -1.0}, "scheduler.power=-1.0 must be positive"),
        ("wsd", {"cooldown": 0}, "scheduler.cooldown=0 must be positive"),
        (
            "wsd",
            {"cooldown_shape": "cosin"},
            "scheduler.cooldown_shape=cosin must be one of linear, cosine, one_minus_sqrt, sqrt"
            " (did you mean cosine?)",
        ),
        ("cosine_restarts", {"cycles": 0}, "scheduler.cycles=0 must be from 1 to 10,000"),
        ("cosine_restarts", {"cycles": 1.5}, "scheduler.cycles=1.5 must be a whole number"),
        ("cosine_restarts", {"multiplier": 0.0}, "scheduler.multiplier=0.0 must be positive"),
        ("one_cycle", {"annihilation": 1.0}, "scheduler.annihilation=1.0 must be at least 0 and below 1"),
        ("cosine", {"floor": "???"}, "scheduler.floor is missing: scheduler=cosine needs scheduler.floor="),
    ],
)
def test_an_impossible_value_of_the_schedule_is_named(
    option: str, changed: dict[str, Any], message: str, load_settings: Callable
) -> None:
    def check() -> None:
        settings = load_settings("scheduler", option, **changed)
        check_group("scheduler", option, settings, [CONF])
        check_schedule_settings(settings, 100)

    with pytest.raises(UserError) as error:
        check()
    assert str(error.value).startswith(message)


def test_a_run_without_steps_has_no_schedule(load_settings: Callable) -> None:
    with pytest.raises(UserError, match=r"^trainer\.max_steps=0 must be positive$"):
        check_schedule_settings(load_settings("scheduler", "constant"), 0)


def test_a_schedule_of_somebody_else_is_not_called_by_the_check() -> None:
    check_schedule_settings({"_target_": "somebody.else", "warmup": 10, "floor": 0}, 100)


@pytest.mark.parametrize("rules", [None, "all"])
def test_rules_that_are_no_list_are_refused(rules: object) -> None:
    with pytest.raises(UserError, match=r"^param_groups\.rules=\w+ must be a list of rules$"):
        read_rules(rules)
