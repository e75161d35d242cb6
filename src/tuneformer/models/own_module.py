"""model=module: a class of the user's own, whose arguments are settings; without torch itself."""

from importlib import import_module
from inspect import signature
from typing import Any

from omegaconf import MISSING, DictConfig, OmegaConf

from tuneformer.config.arguments import check_arguments
from tuneformer.config.building import find_target
from tuneformer.config.described import description_of
from tuneformer.config.plain import Settings
from tuneformer.config.registry import TARGET, allowed_by_user
from tuneformer.config.setting import arguments_of
from tuneformer.config.setting_check import check_values
from tuneformer.config.shown import printable
from tuneformer.errors import UserError

OPTION = "model=module"
NAMED_BY = "target"
FROM_DATA = ("vocab_size", "context_length")
"""What the data say, for a class that takes it."""
NO_ARGUMENTS = (TARGET, NAMED_BY)
TASKS = ("language_modelling", "synthetic")
"""What it can be asked to do: token ids in, logits of the next token out."""


def is_own_module(model: Settings) -> bool:
    """Whether the group `model` is of this option."""
    return NAMED_BY in model and model[NAMED_BY] == model.get(TARGET)


def names_no_class(model: Settings) -> bool:
    """Whether the group `model` is of this option as it stands in its file, before a class is named."""
    return model.get(NAMED_BY) == MISSING


def check_is_named(model: DictConfig) -> None:
    """Raise UserError where this option is chosen, and no class."""
    if OmegaConf.is_missing(model, NAMED_BY):
        path = f"model.{NAMED_BY}"
        raise UserError(f"{path} is missing: {OPTION} needs {path}=<value>")


def own_arguments(model: Settings) -> dict[str, Any]:
    """What the class is given: all that was typed, and of what the data say what it takes."""
    described = description_of(("model",), model)
    assert described is not None
    taken = signature(described).parameters
    outside = {*NO_ARGUMENTS, *(name for name in FROM_DATA if name not in taken)}
    return {name: value for name, value in model.items() if name not in outside}


def check_own_module(model: Settings) -> None:
    """Raise UserError unless the class is a module of the user's own that takes what is typed."""
    name = printable(model[NAMED_BY])
    if allowed_by_user(model[TARGET]) is None:
        raise UserError(f"model.{NAMED_BY}={name} is one of those that have options: choose another model")
    find_target(model[TARGET], ("model",), kind=import_module("torch.nn").Module)
    described = description_of(("model",), model)
    assert described is not None
    settings = arguments_of(described)
    typed = {name: value for name, value in own_arguments(model).items() if name not in FROM_DATA}
    check_values(
        {
            name: each
            for name, each in settings.items()
            if name in typed or not (each.may_be_missing or name in FROM_DATA)
        },
        {name: value for name, value in typed.items() if name in settings},
        group="model",
        option=OPTION,
    )
    check_arguments(described, typed, where="model", later=("attention", *FROM_DATA))
