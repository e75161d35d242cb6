"""Settings as the arguments of what they build: each is asked for, none is missing, and types fit."""

import inspect
import math
import types
from functools import partial
from typing import Any, Union, get_args, get_origin

from tuneformer.config.suggestions import did_you_mean
from tuneformer.errors import UserError

PLAIN = (bool, int, float, str, types.NoneType)


def check_arguments(build: Any, *, group: str, later: tuple[str, ...] = ()) -> None:
    """Raises UserError where a group's settings do not go with what they build.

    What the command line gives was checked against the group's option before; this is for a configuration
    that was read from a file.

    Args:
        build: `functools.partial` of a class, with the settings as its keywords.
        group: the group's name, for the message.
        later: arguments that are given when it is called.
    """
    if not isinstance(build, partial):
        raise UserError(f"{group} has no _target_: it does not say what is to be built")
    parameters = inspect.signature(build.func).parameters
    if any(each.kind is inspect.Parameter.VAR_KEYWORD for each in parameters.values()):
        return
    if build.args:
        raise UserError(f"{group}._args_ is not a setting: every argument has a name")
    for name, value in build.keywords.items():
        if name not in parameters or name in later:
            known = [each for each in parameters if each not in later]
            raise UserError(f"{group}.{name} is not a setting: {did_you_mean(name, known)}")
        if not _fits(value, parameters[name].annotation):
            allowed = getattr(parameters[name].annotation, "__name__", parameters[name].annotation)
            raise UserError(f"{group}.{name}={value!r:.60} must be of the type {allowed}")
    for name, each in parameters.items():
        if each.default is inspect.Parameter.empty and name not in build.keywords and name not in later:
            raise UserError(f"{group}.{name} is missing")


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
    if isinstance(value, float) and not math.isfinite(value):
        return False
    return isinstance(value, int | float if annotation is float else annotation)
