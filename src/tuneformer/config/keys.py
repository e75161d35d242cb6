"""Every key and type of a group is checked: against what its component says, else its option's YAML file.

Hydra itself checks only the root's keys, and only those given on the command line; a misspelt key in
an experiment file would silently train something else.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from tuneformer.config.described import described_arguments, reasons_against
from tuneformer.config.open_options import OPEN
from tuneformer.config.options import load_option
from tuneformer.config.registry import PURPOSES, TARGET, Place, is_order
from tuneformer.config.setting import Argument, Unchecked
from tuneformer.config.setting_check import MISSING, check_values, no_setting
from tuneformer.config.shown import shown
from tuneformer.errors import UserError

# Groups whose entries are parts that a run can do without: `~callbacks.sample`, or `callbacks.sample=null`.
OF_PARTS = frozenset({"callbacks", "logger"})

NOT_DROPPED = {"callbacks.checkpoints": "it keeps the run safe"}


def check_group(group: str, option: str, settings: Mapping[str, Any], folders: Sequence[Path]) -> None:
    """Raises UserError for the first key or type in `settings` that the option's file does not have.

    The settings that an open option adds are left to whoever builds the class.
    """
    known = load_option(group, option, folders)
    if group in OF_PARTS:
        known = {**_whole_parts(settings), **known}
        settings = _check_parts(group, settings, known, f"{group}={option}")
    if (group, option) in OPEN:
        for key in known:
            if settings.get(key, MISSING) == MISSING:
                raise UserError(f"{group}.{key} is missing: {group}={option} needs {group}.{key}=<value>")
    elif not _check_described((group,), settings, known, f"{group}={option}"):
        _check_level(group, settings, known, f"{group}={option}")


def _whole_parts(settings: Mapping[str, Any]) -> dict[str, Any]:
    """The parts that say what they are: such a one may be added to an option that does not have it."""
    return {part: value for part, value in settings.items() if isinstance(value, Mapping) and TARGET in value}


def _check_parts(
    group: str, settings: Mapping[str, Any], known: Mapping[str, Any], option: str
) -> dict[str, Any]:
    """Checks the parts that describe themselves, and returns the others."""
    for path, reason in NOT_DROPPED.items():
        owner, _, part = path.partition(".")
        if owner == group and part in known and settings.get(part) is None:
            raise UserError(f"{path} cannot be dropped: {reason}")
    return {
        part: value
        for part, value in settings.items()
        if part not in known
        or not isinstance(value, Mapping)
        or not _check_described((group, part), value, known[part], option)
    }


def _check_described(
    place: Place,
    settings: Mapping[str, Any],
    known: Mapping[str, Any],
    option: str,
    given: Sequence[str] = (),
) -> bool:
    """Checks what a component says of itself, and each component inside it; False where it says nothing."""
    described = described_arguments(place, settings)
    if not described or (TARGET not in settings and place[0] in PURPOSES):
        return False
    if TARGET in settings:
        _check_value(".".join((*place, TARGET)), settings[TARGET], known.get(TARGET), option)
    for name, why in reasons_against(place, settings).items():
        if name in settings:
            raise UserError(f"{'.'.join((*place, name))} cannot be given: {why}")
    # what builds nothing describes the settings of all options of its group
    wanted = {
        name: argument
        for name, argument in described.items()
        if name not in given and (TARGET in settings or name in known or _is_added(argument, settings))
    }
    values = {name: value for name, value in settings.items() if not is_order(name)}
    check_values(wanted, values, group=".".join(place), option=option)
    for name, argument in wanted.items():
        if argument.is_component:
            inside = (*place, name)
            if not _check_described(inside, values[name], known[name], option, argument.setting.given):
                _check_level(".".join(inside), values[name], known[name], option)
    return True


def _is_added(argument: Argument, settings: Mapping[str, Any]) -> bool:
    """Whether a setting is a group of values that an experiment file has given to an option without it."""
    return argument.types == (Unchecked,) and argument.name in settings


def without_dropped(config: Mapping[str, Any]) -> dict[str, Any]:
    """The configuration without the parts that are null."""
    return {
        group: {part: value for part, value in settings.items() if value is not None}
        if group in OF_PARTS and isinstance(settings, Mapping)
        else settings
        for group, settings in config.items()
    }


def _check_level(prefix: str, settings: Mapping[str, Any], known: Mapping[str, Any], option: str) -> None:
    for key, value in settings.items():
        path = f"{prefix}.{key}"
        if key not in known:
            raise no_setting(prefix, key, [name for name in known if not is_order(name)], option)
        if value is not None or prefix not in OF_PARTS:
            _check_value(path, value, known[key], option)
    for key in sorted(known.keys() - settings.keys()) if prefix not in OF_PARTS else ():
        raise UserError(f"{prefix}.{key} is missing: {option} needs it")


def _check_value(path: str, value: Any, known: Any, option: str) -> None:
    if path.endswith("._target_") and value != known:
        group = path.split(".")[0]
        raise UserError(f"{path}={value} is not what {option} stands for ({known}): choose another {group}")
    if value == MISSING:
        raise UserError(f"{path} is missing: {option} needs {path}=<value>")
    if isinstance(known, Mapping):
        if not isinstance(value, Mapping):
            raise UserError(
                f"{path}={shown(value)} must be a group of settings: {', '.join(known) or 'none'}"
            )
        _check_level(path, value, known, option)
    elif not _fits(path, value, known):
        allowed = _describe(known) + (" or null" if known is None else "")
        raise UserError(f"{path}={shown(value)} must be {allowed}, as in {option}: {path}={shown(known)}")


def _fits(path: str, value: Any, known: Any) -> bool:
    if value is None and known is None:
        return True
    if known is None or known == MISSING or (isinstance(known, str) and known.startswith("${")):
        return not isinstance(value, Mapping)
    if isinstance(known, bool):
        return isinstance(value, bool)
    if isinstance(known, int | float) and not isinstance(value, bool):
        allowed = int if isinstance(known, int) else int | float
        return isinstance(value, allowed)
    if isinstance(known, str):
        return isinstance(value, str)
    if isinstance(known, list):
        return isinstance(value, list) and _elements_fit(path, value, known)
    return False


def _elements_fit(path: str, value: list[Any], known: list[Any]) -> bool:
    if not known or isinstance(known[0], Mapping):
        return all(isinstance(element, Mapping) for element in value) if known else True
    if isinstance(known[0], str):  # names, of which there may be more or fewer
        return bool(value) and all(isinstance(element, str) for element in value)
    return len(value) == len(known) and all(_fits(path, element, known[0]) for element in value)


def _describe(known: Any) -> str:
    if isinstance(known, bool):
        return "true or false"
    if isinstance(known, int):
        return "a whole number"
    if isinstance(known, float):
        return "a number"
    if isinstance(known, list):
        if known and isinstance(known[0], str):
            return "a list of names"
        if known and not isinstance(known[0], dict):
            return f"a list of {len(known)}, each {_describe(known[0])}"
        return "a list"
    return "text"
