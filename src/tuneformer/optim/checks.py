"""Checks of the values of conf/optimizer and conf/scheduler, before torch is loaded."""

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from tuneformer.config.building import build
from tuneformer.config.described import described_arguments, description_of_class
from tuneformer.config.ranges import POSITIVE
from tuneformer.config.setting import Argument, arguments_of
from tuneformer.config.setting_check import check_value
from tuneformer.errors import UserError
from tuneformer.optim.facts import facts_in
from tuneformer.optim.schedules import Schedule, warmup_steps

PLACE = ("optimizer",)


def check_optimizer_settings(
    settings: Mapping[str, object], where: str = "optimizer", target: Callable[..., Any] | None = None
) -> None:
    """Raise UserError for a value that no optimizer can train with; settings that nobody described pass.

    An optimizer inside another is checked as well.

    Args:
        settings: the group `optimizer` of the configuration, plain values, or the arguments of a factory.
        where: the path of the settings.
        target: the class, where the settings do not name it.
    """
    for name, argument in _arguments(settings, target).items():
        if name in settings and not argument.is_component:
            check_value(argument, f"{where}.{name}", settings[name])
    nesterov, momentum = settings.get("nesterov"), settings.get("momentum")
    if nesterov and (momentum == 0 or settings.get("dampening", 0) != 0):
        raise UserError(f"{where}.nesterov=true needs {where}.momentum above 0 and {where}.dampening=0")
    for name, value in settings.items():
        if isinstance(value, partial):
            check_optimizer_settings(value.keywords, f"{where}.{name}", value.func)
        elif isinstance(value, Mapping):
            check_optimizer_settings(value, f"{where}.{name}")


def _arguments(settings: Mapping[str, object], target: Callable[..., Any] | None) -> Mapping[str, Argument]:
    if target is None:
        described = described_arguments(PLACE, settings)
    else:
        description = description_of_class("optimizer", target)
        described = arguments_of(description) if description is not None else {}
    return described or described_arguments(PLACE, {})


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


def check_passes(config: Mapping[str, Any]) -> None:
    """Raises UserError where an optimizer that needs the gradient of a batch twice cannot have it."""
    facts = facts_in(config)
    if facts.gradients_a_step == 1:
        return
    trainer, name = config["trainer"], str(config["optimizer"]["_target_"]).rpartition(".")[2]
    if trainer["accumulate_grad_batches"] > 1:
        raise UserError(
            f"trainer.accumulate_grad_batches={trainer['accumulate_grad_batches']} must be 1 with {name},"
            f" which needs the gradient of the whole batch {facts.gradients_a_step} times a step"
        )
    if trainer["precision"] == "16-mixed":
        raise UserError(
            f"trainer.precision=16-mixed does not go with {name}, whose second gradient it would not"
            " scale: choose bf16-mixed or 32-true"
        )
