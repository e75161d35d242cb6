"""From settings with a `_target_` to the object that they describe, whoever wrote them.

Only what `config.registry` lists for the place is imported, what was found must be of the kind that the place
is for, and the settings are its arguments as they stand: no interpolation is resolved in them.
"""

from collections.abc import Callable, Mapping
from copy import deepcopy
from functools import partial
from importlib import import_module
from types import ModuleType, UnionType
from typing import Any, Union, get_args, get_origin, get_type_hints

from tuneformer.config.arguments import check_arguments
from tuneformer.config.registry import (
    PARTIAL,
    PURPOSES,
    TARGET,
    Place,
    allowed_by_user,
    check_calls,
    is_called_later,
    is_class_of_library,
)
from tuneformer.config.shown import printable
from tuneformer.errors import UserError

Kind = type | tuple[type, ...]


def build(settings: Mapping[str, Any], place: Place, *, kind: Kind, **given: Any) -> Any:
    """The object that `settings` describe; a `functools.partial` of it where the place is called later.

    Args:
        settings: the part of a configuration at `place`, plain values.
        place: its keys, from the group on, as `("callbacks", "sample")`.
        kind: what the object must be. A function says so by what it returns.
        given: arguments that the settings do not hold.

    Raises:
        UserError: a name is not registered, names nothing, or something else than the place is for, or the
            settings are not its arguments.
    """
    made = bound(settings, place, kind=kind)
    if is_called_later(place, settings):
        return partial(made, **given) if given else made
    where = printable(".".join(place))
    check_arguments(made.func, made.keywords | given, where=where)
    built = made(**given)
    if not isinstance(built, kind):
        raise UserError(
            f"{where}.{TARGET}={settings[TARGET]} makes {type(built).__name__}, which is not"
            f" {PURPOSES[place[0]].what}"
        )
    return built


def bound(settings: Mapping[str, Any], place: Place, *, kind: Kind) -> "partial[Any]":
    """What `build` calls, its arguments bound but those that are still to be given.

    Raises:
        UserError: as `build`.
    """
    check_calls(settings, place)
    return _bound(deepcopy(dict(settings)), place, kind)


def find_target(target: object, place: Place, *, kind: Kind) -> Callable[..., Any]:
    """The class or function of a registered name, which makes something of `kind`.

    Raises:
        UserError: the name is not registered at `place`, names nothing, or something else.
    """
    check_calls({TARGET: target}, place)
    return _find(str(target), place, kind)


def component_of(place: Place, settings: Mapping[str, Any]) -> Callable[..., Any]:
    """The class or function that the settings at a place name."""
    return _find(str(settings[TARGET]), place, None)


def _bound(settings: dict[str, Any], place: Place, kind: Kind | None) -> "partial[Any]":
    if TARGET not in settings:
        raise UserError(f"{printable('.'.join(place))}.{TARGET} is missing: it names what is built")
    target = _find(str(settings[TARGET]), place, kind)
    arguments = {
        _name_of_argument(key, place): _built_inside(value, (*place, str(key)), kind)
        for key, value in settings.items()
        if key not in (TARGET, PARTIAL)
    }
    return partial(target, **arguments)


def _built_inside(value: Any, place: Place, kind: Kind | None) -> Any:
    if isinstance(value, dict):
        if TARGET in value:
            # an optimizer inside another is one; what a user's own class takes is its own affair
            made = _bound(value, place, kind if allowed_by_user(value[TARGET]) is None else None)
            return made if is_called_later(place, value) else made()
        return {key: _built_inside(each, (*place, str(key)), kind) for key, each in value.items()}
    if isinstance(value, list):
        return [_built_inside(each, place, kind) for each in value]
    return value


def _find(target: str, place: Place, kind: Kind | None) -> Callable[..., Any]:
    where = f"{printable('.'.join(place))}.{TARGET}={printable(target)}"
    found = _locate(target, where)
    pattern = allowed_by_user(target)
    if pattern is not None:
        _check_of_package(found, pattern, where)
    if is_class_of_library(target, place) and pattern is None and not isinstance(found, type):
        raise UserError(f"{where} is not a class: {PURPOSES[place[0]].what} is wanted, not what chooses one")
    if kind is not None and not _makes(found, kind, unknown=pattern is not None):
        raise UserError(f"{where} is not {PURPOSES[place[0]].what}")
    if not callable(found):
        raise UserError(f"{where} cannot be called")
    return found


def _locate(target: str, where: str) -> Any:
    """What a dotted name names: what a module or a class has, never what a module has of another module."""
    parts = target.split(".")
    if not all(part.isidentifier() and not part.startswith("__") for part in parts):
        raise UserError(f"{where} is not a name")
    for end in range(len(parts) - 1, 0, -1):
        name = ".".join(parts[:end])
        try:
            found: Any = import_module(name)
        except ModuleNotFoundError as error:
            if error.name is not None and f"{name}.".startswith(f"{error.name}."):
                continue  # the rest of the name is a class
            raise
        for part in parts[end:]:
            found = getattr(found, part, None)
            if found is None or isinstance(found, ModuleType):
                raise UserError(f"{where} cannot be imported: {name} has no class or function of that name")
        return found
    raise UserError(
        f"{where} cannot be imported: there is no package {parts[0]}: install it, or name its folder by"
        " PYTHONPATH (PYTHONPATH=. is the working directory)"
    )


def _check_of_package(found: Any, pattern: str, where: str) -> None:
    """A package that is allowed does not allow what it has imported from others."""
    package = pattern.removesuffix(".*")
    home = str(getattr(found, "__module__", ""))
    if pattern.endswith(".*") and home != package and not home.startswith(f"{package}."):
        raise UserError(
            f"{where} is not of {package} but of {home or 'nowhere'}: TUNEFORMER_ALLOW=<its name> allows it"
        )


def _makes(found: Any, kind: Kind, *, unknown: bool) -> bool:
    """Whether a class is of the kind or a function returns it; `unknown`: where a function does not say."""
    if isinstance(found, type):
        return issubclass(found, kind)
    try:
        returned = get_type_hints(found).get("return")
    except (NameError, TypeError):
        return unknown
    if returned is None:
        return unknown and callable(found)
    origin = get_origin(returned)
    members = get_args(returned) if origin in (Union, UnionType) else (origin or returned,)
    return all(isinstance(each, type) and issubclass(each, kind) for each in members)


def _name_of_argument(key: object, place: Place) -> str:
    if not isinstance(key, str):
        raise UserError(f"{printable('.'.join((*place, str(key))))} is not a setting: its name must be text")
    return key
