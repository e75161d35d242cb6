"""Hydra's complaints about overrides, each in one line with the nearest name."""

import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from hydra.errors import (
    HydraException,
    MissingConfigException,
    OverrideParseException,
)
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException
from yaml import MarkedYAMLError, YAMLError

from tuneformer.config.full_names import full_names
from tuneformer.config.schema import GROUPS
from tuneformer.config.suggestions import nearest
from tuneformer.errors import UserError

COMPOSING_ERRORS = (HydraException, OmegaConfBaseException, YAMLError)
"""What Hydra raises for a configuration that cannot be composed."""

_UNKNOWN = re.compile(r"Could not override '([^'=]+)'(?:\.\n[^\n]*?\+[^=\n]*=([^\n]*))?")
_DELETED = re.compile(r"Could not delete from config\. (?:'(\S+)' does not exist|The value of '(\S+)' is)")
_MISFIT = re.compile(r"Error merging override ([^\s=]+)=(.*)")
_OPTION = re.compile(r"Could not find '([^']+)'")
_TARGET = re.compile(r"Error locating target '([^']+)'")
_AMBIGUOUS = re.compile(r"Ambiguous value for argument '([^']+)'")
_IN_FILE = re.compile(r"In '([^']+)': \w+ raised while composing config:\n([^\n]+)\n\s*full_key: (\S+)")
_NO_SUCH_KEY = re.compile(r"Key '[^']+' (?:is )?not in ")
_IN_FILE_AS_A_WHOLE = re.compile(r"In '([^']+)': \w+ raised while composing config:\n([^\n]+)")
_NOT_A_NAME = re.compile(r"null|true|false|nan|[-+]?(inf|[.\d_]*(e[-+]?\d+)?)|[\[{].*", re.IGNORECASE)
_PLUGINS = {"ray": "ray", "submitit_slurm": "slurm"}
"""Launchers that Hydra knows when their package is installed, and the option of ours that stands on each."""
_ALLOWED = (
    ("converted to Integer", "must be a whole number"),
    ("is not Optional", "must not be null"),
    ("is not a ListConfig", "must be a list, such as [a,b]"),
    ("Cannot convert", "must be text"),
    ("to Dict", "must be a group of settings"),
)


def one_line(error: Exception, known: DictConfig | None) -> UserError:
    """The same complaint as a UserError.

    Args:
        error: one of COMPOSING_ERRORS.
        known: the configuration without the overrides in question, to find the nearest name in.
    """
    first = _first_line(error)
    if isinstance(error, MarkedYAMLError) and error.problem_mark is not None:
        mark = error.problem_mark
        return UserError(f"{mark.name}, line {mark.line + 1}, is not YAML: {error.problem}")
    if isinstance(error, MissingConfigException):
        return UserError(_unknown_option(first, error))
    if isinstance(error, OverrideParseException):
        return UserError(f"{error.override} is not an override: write {_as_read(str(error.override))}")
    if match := _UNKNOWN.search(str(error)):
        return UserError(_unknown_setting(match.group(1), known, value=match.group(2)))
    if match := _DELETED.search(first):
        return UserError(_nothing_dropped(match.group(1) or match.group(2), known))
    if match := _MISFIT.search(first):
        return UserError(f"{match.group(1)}={match.group(2)} {_allowed(_reason(error))}")
    if match := _TARGET.search(first):
        return UserError(f"_target_={match.group(1)} cannot be imported: {_last_line(error.__cause__)}")
    if match := _AMBIGUOUS.search(first):
        return UserError(f"{match.group(1)} has several values: add --multirun to train each of them")
    if match := _IN_FILE.search(str(error)):
        file, reason, key = match.groups()
        if _NO_SUCH_KEY.search(reason):
            return UserError(f"{_unknown_setting(key, known)} (in {file}.yaml)")
        return UserError(f"{key} {_allowed(reason)} (in {file}.yaml)")
    if match := _IN_FILE_AS_A_WHOLE.search(str(error)):
        return UserError(f"{match.group(1)}.yaml does not fit: {match.group(2)}")
    return UserError(first)


def check_choices(arguments: Sequence[str]) -> None:
    """Raises UserError where a group is given something else than the name of an option.

    Hydra ends in a traceback there.
    """
    for argument in arguments:
        group, _, option = argument.partition("=")
        if group in (*GROUPS, "experiment") and _NOT_A_NAME.fullmatch(option):
            raise UserError(f"{argument} is not a choice: write {group}=<the name of an option>")


def _as_read(override: str) -> str:
    """How an override is written that Hydra cannot read."""
    key, _, value = override.partition("=")
    if re.search(r"^,|,\s*(,|$)", value):
        return "setting=value, and no comma without a value behind it"
    if not value or re.search(r"[\s'\"\\\[\]{}()]", value):
        return "setting=value" + (
            ", with text of other signs than plain letters and digits in quotes" if value else ""
        )
    return f"\"{key}='{value}'\": text of other signs than plain letters and digits stands in quotes"


def _first_line(error: BaseException) -> str:
    """The first line of the first error in the chain of causes that says anything."""
    lines = str(error).strip().splitlines()
    if lines:
        return lines[0]
    return _first_line(error.__cause__) if error.__cause__ is not None else type(error).__name__


def _last_line(error: BaseException | None) -> str:
    return (str(error).strip().splitlines() or ["there is none"])[-1] if error else "there is none"


def _unknown_option(first: str, error: MissingConfigException) -> str:
    match = _OPTION.search(first)
    wanted = match.group(1) if match else (error.missing_cfg_file or "")
    group, _, option = wanted.rpartition("/")
    options = [name for name in error.options or () if not name.startswith("_")]  # a part of others
    if not group:
        return first
    if group == "hydra/launcher" and option in _PLUGINS:
        extra = _PLUGINS[option]
        return f"launcher={extra} needs Hydra's plugin for it: pip install 'tuneformer[{extra}]'"
    if Path("conf", group, f"{option}.yaml").is_file():
        return f"{group}={option} is an option of conf in this folder, which --config-dir=conf adds"
    listed = f"; the options are {', '.join(sorted(options))}" if options else ""
    found = nearest(option, options)
    near = f" (did you mean {found}?)" if found else ""
    return f"{group}={option} is not an option{near}{listed}"


def _unknown_setting(key: str, known: DictConfig | None, *, value: str | None = None) -> str:
    whole: Any = OmegaConf.to_container(known, resolve=False) if known is not None else {}
    if key in _paths(whole):
        return f"{key} cannot be set: another override or a file drops {key.rpartition('.')[0]}"
    if names := full_names(key, whole):
        typed = f"={value}" if value and "." not in key else ""  # all that is to be typed
        meant = " or ".join(f"{name}{typed}" for name in names)
        return f"{key}{typed} is not a setting: did you mean {meant}?"
    parent, dot, last = key.rpartition(".")
    siblings = whole
    for part in parent.split(".") if dot else []:
        siblings = siblings.get(part) if isinstance(siblings, dict) else None
    if isinstance(siblings, dict):
        names = sorted(str(name) for name in siblings if not str(name).startswith("_"))
        # by the last part alone: a prefix that both share would make any two names look alike
        near = nearest(last, names)
        near = f"{parent}{dot}{near}" if near else None
    else:
        names = sorted(whole)
        near = nearest(key, (path for path in _paths(whole) if path.count(".") == key.count(".")))
    return f"{key} is not a setting: " + (
        f"did you mean {near}?" if near else f"there are {', '.join(names)}"
    )


def _nothing_dropped(key: str, known: DictConfig | None) -> str:
    """`~key` names no part of the configuration, or `~key=value` another value than it has."""
    whole: Any = OmegaConf.to_container(known, resolve=False) if known is not None else {}
    parent, dot, last = key.rpartition(".")
    beside = f"{parent}{dot}"
    names = [path.removeprefix(beside) for path in _paths(whole) if path.rpartition(".")[0] == parent]
    if last in names:
        return f"~{key} drops it whatever it is: give no value"
    near = nearest(last, names)
    hint = f"did you mean ~{beside}{near}?" if near else f"there are {', '.join(names) or 'none'}"
    return f"~{key} drops nothing: {hint}"


def _reason(error: BaseException) -> str:
    cause = error.__cause__
    return str(cause).splitlines()[0] if cause is not None and str(cause) else "it is of another type"


def _allowed(reason: str) -> str:
    return next((words for part, words in _ALLOWED if part in reason), f"does not fit: {reason}")


def _paths(node: Any, prefix: str = "") -> Iterator[str]:
    if isinstance(node, dict):
        for key, value in node.items():
            if key != "_target_":
                yield f"{prefix}{key}"
                yield from _paths(value, f"{prefix}{key}.")
