"""Hydra's complaints about overrides, each in one line with the nearest name."""

import re
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from hydra.core.override_parser.types import Override
from hydra.errors import (
    ConfigCompositionException,
    HydraException,
    MissingConfigException,
    OverrideParseException,
)
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import ConfigAttributeError, ConfigKeyError, OmegaConfBaseException
from yaml import MarkedYAMLError, YAMLError

from tuneformer.config.full_names import full_names
from tuneformer.config.ranges import LARGEST
from tuneformer.config.schema import GROUPS, root_arguments
from tuneformer.config.setting_check import check_value
from tuneformer.config.shown import printable, shown
from tuneformer.config.suggestions import nearest
from tuneformer.errors import UserError

COMPOSING_ERRORS = (HydraException, OmegaConfBaseException, YAMLError)
"""What Hydra raises for a configuration that cannot be composed."""

_NOT_A_NAME = re.compile(r"null|true|false|nan|[-+]?(inf|[.\d_]*(e[-+]?\d+)?)|[\[{].*", re.IGNORECASE)
_PLUGINS = {"ray": "ray", "submitit_slurm": "slurm"}
"""Launchers that Hydra knows when their package is installed, and the option of ours that stands on each."""


class CannotOverride(ConfigCompositionException):
    """An override that does not go with what has been composed; its cause says why, where OmegaConf knows."""

    def __init__(self, override: Override, message: str) -> None:
        super().__init__(message)
        self.override = override


class CannotMerge(ConfigCompositionException):
    """A file that does not go with those before it, for the reason that OmegaConf gives."""

    def __init__(self, file: str, reason: OmegaConfBaseException) -> None:
        super().__init__(str(reason))
        self.file = f"{file}.yaml"
        self.reason = reason


def one_line(error: Exception, known: DictConfig | None) -> UserError:
    """The same complaint as a UserError.

    Args:
        error: one of COMPOSING_ERRORS.
        known: the configuration without the overrides in question, to find the nearest name in.
    """
    if isinstance(error, MarkedYAMLError) and error.problem_mark is not None:
        mark = error.problem_mark
        return UserError(f"{mark.name}, line {mark.line + 1}, is not YAML: {error.problem}")
    if isinstance(error, MissingConfigException):
        return UserError(_unknown_option(error))
    if isinstance(error, OverrideParseException):
        return UserError(f"{error.override} is not an override: write {_as_read(str(error.override))}")
    if isinstance(error, CannotOverride):
        return UserError(_cannot_override(error, known))
    if isinstance(error, CannotMerge):
        return UserError(_cannot_merge(error, known))
    return UserError(_first_line(error))


def check_choices(arguments: Sequence[str]) -> None:
    """Raises UserError where a group is given something else than the name of an option.

    Hydra ends in a traceback there, and where a number has more digits than Python reads.
    """
    endless = re.compile(rf"\d{{{sys.get_int_max_str_digits() + 1},}}")
    for argument in arguments:
        group, _, option = argument.partition("=")
        if endless.search(option):
            raise UserError(f"{printable(argument)} must fit into 64 bits: at most {LARGEST}")
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


def _cannot_override(error: CannotOverride, known: DictConfig | None) -> str:
    override, reason = error.override, error.__cause__
    key, (_, _, value) = override.key_or_group, str(override.input_line).partition("=")
    if override.is_sweep_override():
        return f"{override.input_line} has several values: add --multirun to train each of them"
    if override.is_delete():
        return _nothing_dropped(key, known)
    if isinstance(reason, ConfigAttributeError | ConfigKeyError):
        return _unknown_setting(key, known, value=value)
    if isinstance(reason, OmegaConfBaseException):
        return _misfit(key, override.value(), reason)
    if override.is_add():
        return f"{override.input_line} adds what is there: write {key}={value}"
    return _first_line(error)


def _cannot_merge(error: CannotMerge, known: DictConfig | None) -> str:
    reason, key = error.reason, error.reason.full_key
    if not key:
        return f"{error.file} does not fit: {_first_line(reason)}"
    unknown = isinstance(reason, ConfigAttributeError | ConfigKeyError)
    line = _unknown_setting(key, known) if unknown else _misfit(key, reason.value, reason)
    return f"{line} (in {error.file})"


def _misfit(key: str, value: object, reason: OmegaConfBaseException) -> str:
    """Of a value that its place does not take: what it takes, in the words of the setting itself."""
    if key in GROUPS:
        return f"{key}={shown(value)} must be a group of settings"
    described = root_arguments().get(key)
    if described is not None:
        try:
            check_value(described, key, value)
        except UserError as error:
            return str(error)
    return f"{key}={shown(value)} does not fit: {_first_line(reason)}"


def _unknown_option(error: MissingConfigException) -> str:
    group, _, option = (error.missing_cfg_file or "").rpartition("/")
    options = [name for name in error.options or () if not name.startswith("_")]  # a part of others
    if not group:
        return _first_line(error)
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


def _paths(node: Any, prefix: str = "") -> Iterator[str]:
    if isinstance(node, dict):
        for key, value in node.items():
            if key != "_target_":
                yield f"{prefix}{key}"
                yield from _paths(value, f"{prefix}{key}.")
