"""Whether the values of an option are those that its component can be set to."""

from collections.abc import Mapping
from typing import Any

from tuneformer.config.ranges import check_finite, shown
from tuneformer.config.setting import AUTO, Argument
from tuneformer.config.suggestions import did_you_mean, nearest
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
            near = nearest(name, arguments)
            hint = f"did you mean {group}.{near}?" if near else did_you_mean(name, arguments)
            raise UserError(f"{group}.{name} is not a setting of {option}: {hint}")
    for name, argument in arguments.items():
        path, value = f"{group}.{name}", values.get(name, MISSING)
        if name not in values:
            raise UserError(f"{path} is missing: {option} needs it")
        if value == MISSING:
            raise UserError(f"{path} is missing: {option} needs {path}=<value>")
        check_value(argument, path, value)


def check_value(argument: Argument, path: str, value: Any) -> None:
    """Raises UserError unless `value` is one that the setting at `path` may have."""
    if (value is None and argument.may_be_null) or (value == AUTO and argument.setting.auto):
        return
    allowed = argument.setting.allowed
    if isinstance(allowed, tuple):
        if value not in allowed:
            near = nearest(value, allowed)
            hint = f" (did you mean {near}?)" if near else ""
            or_null = " or null" if argument.may_be_null else ""
            raise UserError(f"{path}={shown(value)} must be one of {', '.join(allowed)}{or_null}{hint}")
        return
    if not _is_of(value, argument.types):
        raise UserError(f"{path}={shown(value)} must be {argument.kind}")
    if allowed is not None and isinstance(value, int | float):
        check_finite(path, value)
        allowed.check(path, value)


def _is_of(value: Any, types: tuple[type, ...]) -> bool:
    """Whether a value is of one of the types; a flag is no number, and a whole number is one."""
    if isinstance(value, bool):
        return bool in types
    return isinstance(value, (*types, int) if float in types else types)
