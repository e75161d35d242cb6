"""What the component of a group says that it can be set to, found without importing torch.

Data, schedules, launchers and the trainer are described by the component itself. A class that needs torch, or
that a library has, is described by a settings object in a module of its group that does not:

    @describes("optimizer", "torch.optim.SGD")
    class SGDSettings:
        lr: Annotated[Number, Setting("peak rate", POSITIVE)]

A class of the user's own is described by itself, or by the settings object that its argument `settings` is
annotated with.
"""

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, is_dataclass
from functools import cache
from importlib import import_module
from typing import Any, TypeVar, dataclass_transform, get_type_hints

from tuneformer.config.building import component_of
from tuneformer.config.ranges import Range
from tuneformer.config.registry import TARGET, Place, allowed_by_user, registered_names
from tuneformer.config.setting import Argument, Setting, arguments_of, not_given

Described = TypeVar("Described", bound=type)

BY_THEMSELVES = frozenset({"data", "launcher", "scheduler", "trainer"})
"""Groups whose components do not import torch."""

HOMES: Mapping[str, tuple[str, ...]] = {
    "callbacks": ("tuneformer.training.callbacks.settings",),
    "attention": ("tuneformer.models.attention.settings",),
    "logger": ("tuneformer.training.loggers.settings",),
    "model": (
        "tuneformer.models.settings",
        "tuneformer.models.acting.settings",
        "tuneformer.models.hf.settings",
    ),
    "optimizer": ("tuneformer.optim.settings",),
    "param_groups": ("tuneformer.optim.settings",),
    "search": ("tuneformer.sweeps.search.settings",),
}
"""Group -> the modules that describe its components."""

_DESCRIPTIONS: dict[tuple[str, str | None], type] = {}


@dataclass_transform(kw_only_default=True, frozen_default=True)
def describes(group: str, *targets: str) -> Callable[[Described], Described]:
    """Makes a class the settings object of `targets` of a group: a frozen dataclass, by keyword only.

    Without targets it describes what is known of the group where nothing more is.
    """

    def register(described: Described) -> Described:
        settings = dataclass(frozen=True, kw_only=True)(described)
        for target in targets or (None,):
            _DESCRIPTIONS[group, target] = settings
        return settings

    return register


def description_of(place: Place, settings: Mapping[str, Any]) -> Callable[..., Any] | None:
    """What describes the component that `settings` name at a place; None where nothing does."""
    group, target = place[0], settings.get(TARGET)
    if target is None or not isinstance(target, str):
        return settings_object(group, None)
    if allowed_by_user(target) is not None:
        return _of_users_own(component_of(place, settings))
    return component_of(place, settings) if group in BY_THEMSELVES else settings_object(group, target)


@cache
def follows_from_data(group: str) -> frozenset[str]:
    """The settings of any shipped component of a group that are filled in when the data are prepared."""
    return _names(group, lambda setting: setting.from_data)


@cache
def never_of_the_weights(group: str) -> frozenset[str]:
    """The settings that determine no weights in any shipped component of a group."""
    return _names(group, lambda setting: setting.from_data or not setting.weights)


@cache
def added_later(group: str) -> frozenset[str]:
    """The settings of any shipped component of a group that runs made before do not have."""
    return _names(group, lambda setting: setting.added_later)


@cache
def limits_of(path: str) -> tuple[float, float]:
    """The lowest and the highest value that any shipped component takes as a number of this dotted name.

    Of a name without its group every group is asked. What nobody describes may be any number from 0 on.
    """
    group, _, _ = path.partition(".")
    groups = [group] if group in _groups() else _groups()
    arguments = (each for of in groups for described in _all(of) for each in arguments_of(described).values())
    name = path.rpartition(".")[2]
    ranges = [each.setting.allowed for each in arguments if each.name == name]
    known = [allowed for allowed in ranges if isinstance(allowed, Range)]
    if not known:
        return 0.0, math.inf
    return min(each.low for each in known), max(each.high for each in known)


def _groups() -> tuple[str, ...]:
    return (*HOMES, *sorted(BY_THEMSELVES))


def _names(group: str, holds: Callable[[Setting], bool]) -> frozenset[str]:
    arguments = (each for described in _all(group) for each in arguments_of(described).values())
    return frozenset(argument.name for argument in arguments if holds(argument.setting))


def description_of_class(group: str, target: Callable[..., Any]) -> type | None:
    """The settings object of a class, whichever module of its package a configuration names it by."""
    _load(group)
    package, name = target.__module__.partition(".")[0], getattr(target, "__name__", "")
    for (of, known), described in _DESCRIPTIONS.items():
        if of == group and known and (known.partition(".")[0], known.rpartition(".")[2]) == (package, name):
            return described
    return None


def described_arguments(place: Place, settings: Mapping[str, Any]) -> Mapping[str, Argument]:
    """What the component that `settings` name at a place can be set to; empty where nothing says so."""
    description = description_of(place, settings)
    return arguments_of(description) if description is not None else {}


def reasons_against(place: Place, settings: Mapping[str, Any]) -> Mapping[str, str]:
    """Why a configuration does not give an argument of the component at a place, by the argument's name."""
    description = description_of(place, settings)
    return not_given(description) if description is not None else {}


def _all(group: str) -> Iterator[Callable[..., Any]]:
    """What describes the shipped components of a group."""
    _load(group)
    yield from [described for (of, _), described in _DESCRIPTIONS.items() if of == group]
    if group in BY_THEMSELVES:
        yield from (component_of((group,), {TARGET: name}) for name in sorted(registered_names(group)))


def settings_object(group: str, target: str | None) -> type | None:
    """The settings object of `target`, or of what is not known by name; None where there is none."""
    _load(group)
    return _DESCRIPTIONS.get((group, target))


def _load(group: str) -> None:
    for module in HOMES.get(group, ()):
        import_module(module)


def _of_users_own(component: Callable[..., Any]) -> Callable[..., Any]:
    try:
        hints = get_type_hints(component.__init__ if isinstance(component, type) else component)
    except (AttributeError, NameError, TypeError):
        return component
    described = hints.get("settings")
    return described if isinstance(described, type) and is_dataclass(described) else component
