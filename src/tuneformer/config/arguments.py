"""Settings as the arguments of what they build: each is asked for, none is missing, and types fit."""

import inspect
import math
import types
from collections.abc import Callable, Mapping
from typing import Any, Union, get_args, get_origin

from tuneformer.config.suggestions import did_you_mean
from tuneformer.errors import UserError

PLAIN = (bool, int, float, str, types.NoneType)


def check_arguments(
    target: Callable[..., Any],
    arguments: Mapping[str, Any],
    *,
    where: str,
    later: tuple[str, ...] = (),
    by_name: bool = False,
) -> None:
    """Raises UserError where settings do not go with what they build.

    What the command line gives was checked against its option before; this is for what was read from a file,
    and for classes of which nothing is known but their signature.

    Args:
        where: the settings' place, for the message, as "callbacks.sample".
        later: arguments that are given when it is called.
        by_name: whether it takes only what it names, whatever `**kwargs` would take besides.
    """
    try:
        parameters = inspect.signature(target).parameters
    except (TypeError, ValueError):  # written in C: it says so itself
        return
    named = {
        name: each
        for name, each in parameters.items()
        if each.kind in (each.POSITIONAL_OR_KEYWORD, each.KEYWORD_ONLY)
    }
    takes_any = any(each.kind is each.VAR_KEYWORD for each in parameters.values()) and not by_name
    for name, value in arguments.items():
        if name in named and name not in later:
            _check_type(f"{where}.{name}", value, named[name].annotation)
        elif name in later or not takes_any:
            known = [each for each in named if each not in later]
            raise UserError(
                f"{where}.{name} is not a setting of {dotted_name(target)}: {did_you_mean(name, known)}"
            )
    for name, each in named.items():
        if each.default is each.empty and name not in arguments and name not in later:
            raise UserError(f"{where}.{name} is missing: {dotted_name(target)} needs it")


def dotted_name(target: Callable[..., Any]) -> str:
    """The module and the name of a class or function."""
    return f"{target.__module__}.{getattr(target, '__qualname__', type(target).__qualname__)}"


def _check_type(name: str, value: Any, annotation: Any) -> None:
    if not _fits(value, annotation):
        allowed = getattr(annotation, "__name__", annotation)
        raise UserError(f"{name}={value!r:.60} must be of the type {allowed}")


def _fits(value: Any, annotation: Any) -> bool:
    """Whether a value is of an annotation that consists of plain types; other annotations say nothing."""
    if annotation is inspect.Parameter.empty:
        return True
    if get_origin(annotation) in (types.UnionType, Union):
        return any(_fits(value, each) for each in get_args(annotation))
    if annotation is None:
        return value is None
    if annotation not in PLAIN:
        return annotation is not types.NoneType
    if isinstance(value, bool):
        return annotation is bool
    if isinstance(value, float) and math.isnan(value):
        return False
    return isinstance(value, int | float if annotation is float else annotation)
