"""Whether the values of an option are those that its component can be set to."""

from collections.abc import Collection, Mapping
from typing import Any

from tuneformer.config.full_names import OURS
from tuneformer.config.ranges import Range, check_finite
from tuneformer.config.registry import TARGET
from tuneformer.config.setting import AUTO, Argument, Component, Unchecked, arguments_of
from tuneformer.config.shown import shown
from tuneformer.config.suggestions import did_you_mean, nearest, one_of
from tuneformer.config.text_limits import TextLimits
from tuneformer.errors import UserError

MISSING = "???"


def check_values(
    arguments: Mapping[str, Argument], values: Mapping[str, Any], *, group: str, option: str
) -> None:
    """Raises UserError for the first value that is unknown, missing, of another type or out of its range.

    Args:
        arguments: what the component can be set to.
        values: what it is set to, plain values, without the keys by which Hydra is told how to build.
        group: as `scheduler`.
        option: as `scheduler=cosine`, for messages.
    """
    for name in values:
        if name not in arguments:
            raise no_setting(group, name, arguments, option)
    for name, argument in arguments.items():
        path, value = f"{group}.{name}", values.get(name, MISSING)
        if name not in values:
            if argument.may_be_missing:
                continue
            raise UserError(f"{path} is missing: {option} needs it")
        if value == MISSING:
            raise UserError(f"{path} is missing: {option} needs {path}=<value>")
        check_value(argument, path, value)


def no_setting(prefix: str, name: str, known: Collection[str], option: str) -> UserError:
    """What is told of a name that an option does not have: the one that was meant, or all of them."""
    near = OURS[name] if OURS.get(name) in known else nearest(name, known)
    hint = f"did you mean {prefix}.{near}?" if near else did_you_mean(name, known)
    return UserError(f"{prefix}.{name} is not a setting of {option}: {hint}")


def check_value(argument: Argument, path: str, value: Any) -> None:
    """Raises UserError unless `value` is one that the setting at `path` may have.

    Of a component inside only that it is one: `config.keys` checks its settings.
    """
    if (value is None and (argument.may_be_null or argument.setting.from_data)) or (
        value == AUTO and argument.setting.auto
    ):
        return
    if argument.length is not None:
        _check_list(argument, path, value)
        return
    allowed = argument.setting.allowed
    if isinstance(allowed, tuple):
        one_of(path, value, (*allowed, *["null"] * argument.may_be_null))
        return
    if not _is_of(value, argument.types):
        raise UserError(f"{path}={shown(value)} must be {argument.kind}")
    if allowed is not None:
        _check_limits(allowed, path, value)


def _check_list(argument: Argument, path: str, value: Any) -> None:
    if argument.types == (str,) and isinstance(value, str):
        raise UserError(f"{path}={shown(value)} must be {argument.kind}, such as [a,b]")
    if not isinstance(value, list | tuple) or not value or len(value) != (argument.length or len(value)):
        raise UserError(f"{path}={shown(value)} must be {argument.kind}")
    if isinstance(record := argument.types[0], type) and (described := arguments_of(record)):
        for index, element in enumerate(value):
            if not isinstance(element, Mapping):
                raise UserError(f"{path}[{index}]={shown(element)} must have the keys {', '.join(described)}")
            check_values(described, element, group=f"{path}[{index}]", option=f"an entry of {path}")
        return
    allowed = argument.setting.allowed
    for element in value:
        if not _is_of(element, argument.types):
            raise UserError(f"{path}={shown(value)} must be {argument.kind}")
        if isinstance(allowed, tuple):
            one_of(path, element, allowed)
        elif isinstance(allowed, Range) and element not in allowed:
            raise UserError(f"{path}={shown(value)}: each {allowed.words_for(element)}")
        elif isinstance(allowed, TextLimits):
            allowed.check(path, element)


def _check_limits(allowed: Range | TextLimits, path: str, value: Any) -> None:
    if isinstance(allowed, Range):
        check_finite(path, value, may_be_infinite=value in allowed)
    allowed.check(path, value)


def _is_of(value: Any, types: tuple[type, ...]) -> bool:
    """Whether a value is of one of the types; a flag is no number, and a whole number is one."""
    if types == (Component,):
        return isinstance(value, Mapping) and TARGET in value
    if types == (Unchecked,):
        return isinstance(value, Mapping)
    if isinstance(value, bool):
        return bool in types
    return isinstance(value, (*types, int) if float in types else types)
