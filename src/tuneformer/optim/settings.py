"""Checks of the values of conf/optimizer, conf/scheduler and conf/param_groups, before torch is loaded."""

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

from tuneformer.config.building import build
from tuneformer.config.ranges import AT_LEAST_ONE, BELOW_ONE, NOT_NEGATIVE, POSITIVE, ZERO_TO_ONE, Range
from tuneformer.config.shown import shown
from tuneformer.errors import UserError
from tuneformer.optim.rules import read_rules
from tuneformer.optim.schedules import Schedule, warmup_steps

_OPTIMIZER_RANGES: dict[str, Range] = {
    "lr": POSITIVE,
    "others_lr_ratio": POSITIVE,
    "eps": POSITIVE,
    "weight_decay": NOT_NEGATIVE,
    "momentum": BELOW_ONE,
    "dampening": ZERO_TO_ONE,
    "momentum_decay": NOT_NEGATIVE,
    # of single methods; each file of conf/optimizer says what they are
    "alpha": NOT_NEGATIVE,
    "beta2": BELOW_ONE,
    "beta3": BELOW_ONE,
    "betas_1d": BELOW_ONE,
    "clip_power": NOT_NEGATIVE,
    "d": POSITIVE,
    "d0": POSITIVE,
    "d_coef": POSITIVE,
    "every": AT_LEAST_ONE,
    "gamma": NOT_NEGATIVE,
    "largest_norm": POSITIVE,
    "lr_1d_ratio": POSITIVE,
    "max_precondition_dim": NOT_NEGATIVE,
    "n_sma_threshold": NOT_NEGATIVE,
    "ns_steps": AT_LEAST_ONE,
    "precondition_frequency": AT_LEAST_ONE,
    "precondition_lr": POSITIVE,
    "rho": NOT_NEGATIVE,
    "shampoo_beta": BELOW_ONE,
    "warmup_steps": NOT_NEGATIVE,
}
_MAY_BE_NULL = frozenset({"beta3"})


def check_optimizer_settings(settings: Mapping[str, object], where: str = "optimizer") -> None:
    """Raise UserError for a value that no optimizer can train with; settings it does not know pass.

    `settings`: the group `optimizer` of the configuration, plain values; an optimizer inside another is
    checked as well.
    """
    for name, allowed in _OPTIMIZER_RANGES.items():
        value = settings.get(name)
        for number in value if isinstance(value, list | tuple) else [value]:
            if name in settings and not (number is None and name in _MAY_BE_NULL):
                allowed.check(f"{where}.{name}", number)
    if "betas" in settings:
        _check_betas(settings, where)
    nesterov, momentum = settings.get("nesterov"), settings.get("momentum")
    if nesterov and (momentum == 0 or settings.get("dampening", 0) != 0):
        raise UserError(f"{where}.nesterov=true needs {where}.momentum above 0 and {where}.dampening=0")
    for name, value in settings.items():
        inside = value.keywords if isinstance(value, partial) else value
        if isinstance(inside, Mapping):
            check_optimizer_settings(inside, f"{where}.{name}")


def _check_betas(settings: Mapping[str, object], where: str) -> None:
    betas = settings["betas"]
    if not isinstance(betas, Sequence) or isinstance(betas, str):
        raise UserError(f"{where}.betas={shown(betas)} must be a list of numbers from 0 to below 1")
    if str(settings.get("_target_")).startswith("torch.optim.") and len(betas) != 2:
        raise UserError(f"{where}.betas={shown(list(betas))} must have two numbers")
    if not all(beta in BELOW_ONE for beta in betas):
        raise UserError(f"{where}.betas={shown(list(betas))}: each {BELOW_ONE.words}")


def check_schedule_settings(settings: Mapping[str, object], horizon: int) -> None:
    """Raise UserError for a schedule that a run of `horizon` optimizer steps cannot follow.

    `settings`: the group `scheduler` of the configuration, plain values. What its values must agree on the
    schedule checks itself: one of ours is asked for its first factor.
    """
    POSITIVE.check("trainer.max_steps", horizon)
    warmup = settings.get("warmup", 0)
    if isinstance(warmup, int | float):
        warmup_steps(warmup, horizon)
    if str(settings.get("_target_", "")).startswith("tuneformer.optim."):
        schedule_of(settings)(0, horizon=horizon)


def schedule_of(settings: Mapping[str, object]) -> Schedule:
    """The schedule of conf/scheduler, its settings bound."""
    return build(settings, ("scheduler",), kind=(float, int))


def check_param_group_settings(settings: Mapping[str, object]) -> None:
    """Raise UserError for a faulty rule; `settings`: the group `param_groups`, plain values."""
    rules = settings.get("rules")
    if not isinstance(rules, Sequence) or isinstance(rules, str):
        raise UserError(f"param_groups.rules={shown(rules)} must be a list of rules")
    read_rules(rules)


def check_passes(config: Mapping[str, Any]) -> None:
    """Raises UserError where an optimizer that needs a batch twice cannot have it."""
    if config["optimizer"].get("_target_") != "tuneformer.optim.sam.SAM":
        return
    trainer = config["trainer"]
    if trainer["accumulate_grad_batches"] > 1:
        raise UserError(
            f"trainer.accumulate_grad_batches={trainer['accumulate_grad_batches']} must be 1 with"
            " optimizer=sam, which needs the gradient of the whole batch twice"
        )
    if trainer["precision"] == "16-mixed":
        raise UserError(
            "trainer.precision=16-mixed does not go with optimizer=sam, whose second gradient it would not"
            " scale: choose bf16-mixed or 32-true"
        )
