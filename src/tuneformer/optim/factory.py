"""From the settings of conf/optimizer to what makes the optimizer."""

from collections.abc import Mapping
from difflib import get_close_matches
from functools import partial
from importlib import import_module
from typing import Any

from torch.optim import Optimizer

from tuneformer.config.building import build
from tuneformer.config.registry import check_calls
from tuneformer.errors import UserError
from tuneformer.optim.param_groups import ParamGroups


def optimizer_factory(settings: Mapping[str, object]) -> "partial[Optimizer]":
    """The optimizer that `settings` describe, still without parameters.

    Raises:
        UserError: there is no such class, or it is no optimizer.
    """
    check_calls(settings, ("optimizer",))
    _check_class("optimizer", settings)
    return build(settings, ("optimizer",), kind=Optimizer)


def param_groups(settings: Mapping[str, object]) -> ParamGroups:
    """The rules of conf/param_groups."""
    return build(settings, ("param_groups",), kind=ParamGroups)


def _check_class(where: str, settings: Mapping[str, object]) -> None:
    """Names the nearest optimizers where there is none of that name."""
    for name, value in settings.items():
        if isinstance(value, Mapping) and "_target_" in value:
            _check_class(f"{where}.{name}", value)
    target = str(settings.get("_target_"))
    module_name, _, name = target.rpartition(".")
    try:
        module = import_module(module_name)
    except (ImportError, ValueError) as error:
        raise UserError(f"{where}._target_={target} cannot be imported: {error}") from error
    found = getattr(module, name, None)
    if not (isinstance(found, type) and issubclass(found, Optimizer)):
        classes = [key for key, each in vars(module).items() if _is_optimizer(each)]
        near = get_close_matches(name, classes, n=3)
        hint = f"did you mean {' or '.join(near)}?" if near else f"{module_name} has {', '.join(classes)}"
        raise UserError(f"{where}._target_={target} is no optimizer: {hint}")


def _is_optimizer(value: Any) -> bool:
    return isinstance(value, type) and issubclass(value, Optimizer) and value is not Optimizer
