"""What a configuration may call: at each place the classes and functions that the shipped options name there.

A `_target_` is a name that somebody wrote: it may be no other than these, wherever the configuration comes
from. A user's own package is allowed by the environment, TUNEFORMER_ALLOW="mypackage.*" (several are
separated by commas), or by installing it as a plugin (`config.plugins`), never by a YAML file. Nothing is
imported here: that is for `config.building`.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from tuneformer.config.lightning_names import CALLBACKS, LIGHTNING, LOGGERS, REFUSED
from tuneformer.config.plugins import allowed_names, plugin_packages
from tuneformer.config.shown import printable
from tuneformer.config.suggestions import nearest
from tuneformer.config.yaml_loader import LOADER
from tuneformer.errors import UserError

Place = tuple[str, ...]
"""Where in the configuration; `*` stands for any name."""

SHIPPED = (Path(__file__).parents[1] / "conf").resolve()
"""The options that belong to this code, whatever other folders a configuration is composed from.

In a checkout the package's conf is a link to the folder conf at its top.
"""

LIBRARIES = ("tuneformer", "torch.optim", "pytorch_optimizer", "schedulefree")
"""The packages that shipped options may name."""

RANGE_TEST = "tuneformer.optim.schedules.geometric"
"""The schedule of the command find-lr, which no option names."""

TARGET, PARTIAL = "_target_", "_partial_"
_ORDER = re.compile(r"_\w+_")  # keys by which Hydra is told how to build


@dataclass(frozen=True, kw_only=True)
class Purpose:
    """What a group's targets are for.

    Attributes:
        what: in words.
        named: whether each member of the group has a name of its own, as in conf/callbacks.
        partial: whether they are called later (`_partial_: true`).
        libraries: packages whose every public class may be named; it must still be of the group's kind.
        others: what may be named besides.
    """

    what: str
    named: bool = False
    partial: bool = False
    libraries: tuple[str, ...] = ()
    others: tuple[str, ...] = ()


PURPOSES: Mapping[str, Purpose] = {
    "data": Purpose(what="data"),
    "model": Purpose(what="a model"),
    "attention": Purpose(what="an attention module", partial=True),
    "optimizer": Purpose(what="an optimizer", partial=True, libraries=("torch.optim", "pytorch_optimizer")),
    "scheduler": Purpose(what="a schedule", partial=True, others=(RANGE_TEST,)),
    "param_groups": Purpose(what="parameter groups"),
    "trainer": Purpose(what="a trainer"),
    "callbacks": Purpose(what="a callback", named=True, others=CALLBACKS),
    "logger": Purpose(what="a logger", named=True, others=LOGGERS),
    "launcher": Purpose(what="a launcher"),
}


def check_targets(config: Mapping[str, Any]) -> None:
    """Raises UserError for the first thing in a configuration that would call what is not registered."""
    for key, value in config.items():
        check_calls(value, (str(key),))


def check_calls(settings: Any, path: Place, *, own: bool = False) -> None:
    """Raises UserError unless everything that `settings` would call is registered for its place.

    Args:
        settings: the part of a configuration at `path`, plain values.
        path: its keys, from the group on.
        own: whether the settings belong to a class of the user's own, which may take others of them.
    """
    if isinstance(settings, Mapping):
        inside = own
        if TARGET in settings:
            own = (own or _place(path) in _registered()) and allowed_by_user(settings[TARGET]) is not None
        for key, value in settings.items():
            if key == TARGET:
                if value != "???" and not own:  # a missing value has its own message
                    _check_target(value, path, inside=inside)
            elif is_order(key):
                _check_order(key, value, path, own=own)
            else:
                check_calls(value, (*path, str(key)), own=own)
    elif isinstance(settings, list | tuple):
        for index, value in enumerate(settings):
            check_calls(value, (*path[:-1], f"{path[-1]}[{index}]"), own=own)


def allowed_by_user(target: object) -> str | None:
    """The pattern of TUNEFORMER_ALLOW or of a plugin that a name matches: a name, or a package and `.*`."""
    patterns = (*allowed_names(), *(f"{package}.*" for package in plugin_packages()))
    return next((each for each in patterns if isinstance(target, str) and _matches(target, each)), None)


def registered_names(group: str) -> frozenset[str]:
    """The names that shipped options of a group call."""
    return frozenset().union(*(names for place, names in _registered().items() if place[0] == group))


def is_class_of_library(target: str, path: Place) -> bool:
    """Whether a name is admitted as a class of a library alone: no shipped option names it."""
    libraries = PURPOSES[path[0]].libraries
    return target not in registered_names(path[0]) and any(
        _is_class_of(target, library) for library in libraries
    )


def is_called_later(path: Place, settings: Mapping[str, Any]) -> bool:
    """Whether what is built at `path` is a function of what is still to come (`_partial_`)."""
    if allowed_by_user(settings.get(TARGET)) is not None:
        return bool(settings.get(PARTIAL, PURPOSES[path[0]].partial and _place(path) in _registered()))
    return PURPOSES[path[0]].partial


def target_modules(config: Any) -> set[str]:
    """The modules of the project and of the libraries it builds on that a configuration calls."""
    return {target.rpartition(".")[0] for target in targets(config) if _of_a_library(target)}


def targets(config: Any) -> list[str]:
    """The classes and functions that a configuration calls, without any of its numbers."""
    return [str(target) for _, target in _targets(config, ())]


def is_order(key: object) -> bool:
    """Whether a key says how something is to be built, and is no setting."""
    return isinstance(key, str) and _ORDER.fullmatch(key) is not None


def _check_target(target: object, path: Place, *, inside: bool) -> None:
    """`inside`: the settings belong to a class of the user's own, which may take what its group may be."""
    where = f"{printable('.'.join(path))}.{TARGET}={printable(target)}"
    group = PURPOSES.get(path[0])
    names = _registered().get(_place(path[:1] + ("*",) * group.named if group and inside else path))
    if group is None or names is None:
        raise UserError(f"{where} cannot be given: nothing is called for {printable('.'.join(path))}")
    if isinstance(target, str):
        if target in names or any(_is_class_of(target, library) for library in group.libraries):
            return
        reason = REFUSED.get(target.rpartition(".")[2]) if target.startswith(LIGHTNING) else None
        if reason is not None:
            raise UserError(f"{where} does not work here: {reason}")
    raise UserError(
        f"{where} is not what {group.what} may be: {_hint(target, names, group, path[0])};"
        " TUNEFORMER_ALLOW=<package>.* allows your own"
    )


def _check_order(key: str, value: object, path: Place, *, own: bool) -> None:
    where = printable(".".join((*path, key)))
    group = PURPOSES.get(path[0])
    if key != PARTIAL or group is None or (_place(path) not in _registered() and not own):
        raise UserError(f"{where} cannot be given: the settings of a configuration are arguments by name")
    if value is not group.partial and not own:
        raise UserError(f"{where}={printable(value)} must be {str(group.partial).lower()}")


def _hint(target: object, names: frozenset[str], group: Purpose, folder: str) -> str:
    near = nearest(target, names) or _of_that_class(str(target), names)
    if near:
        return f"did you mean {near}?"
    more = f", or a class of {' or '.join(group.libraries)}" if group.libraries else ""
    return f"conf/{folder} names {len(names)}, such as {min(names)}{more}"


def _of_that_class(target: str, names: frozenset[str]) -> str | None:
    return next(
        (name for name in sorted(names) if name.rpartition(".")[2] == target.rpartition(".")[2]), None
    )


def _place(path: Place) -> Place:
    group = PURPOSES.get(path[0])
    return (path[0], "*", *path[2:]) if group is not None and group.named and len(path) > 1 else path


@cache
def _registered() -> Mapping[Place, frozenset[str]]:
    """The names that may be called, by place, read from the shipped options."""
    found: dict[Place, set[str]] = {}
    for group, kind in PURPOSES.items():
        for file in sorted((SHIPPED / group).glob("*.yaml")):
            settings = _read_option(file)
            if list(settings) == [group]:  # a file of `@package _global_`
                settings = settings[group]
            for path, target in _targets(settings, (group,)):
                found.setdefault(_place(path), set()).add(str(target))
        found.setdefault(_place((group, "*") if kind.named else (group,)), set()).update(kind.others)
    if ("model",) not in found:
        raise UserError(f"{SHIPPED} is missing: work in a checkout of the project")
    known = {place: frozenset(filter(_is_known, names)) for place, names in found.items()}
    optimizers = frozenset().union(*(names for place, names in known.items() if place[0] == "optimizer"))
    return {place: optimizers if place[0] == "optimizer" else names for place, names in known.items()}


def _read_option(file: Path) -> dict[str, Any]:
    """The file's settings; none where it is no YAML, which is told to who chooses it."""
    try:
        settings = yaml.load(file.read_text(encoding="utf-8"), Loader=LOADER)
    except (OSError, ValueError, yaml.YAMLError):
        return {}
    return {key: value for key, value in (settings or {}).items() if key != "defaults"}


def _is_known(target: str) -> bool:
    return target in (*CALLBACKS, *LOGGERS) or _of_a_library(target)


def _of_a_library(target: str) -> bool:
    return any(target.startswith(f"{library}.") for library in LIBRARIES)


def _is_class_of(target: str, library: str) -> bool:
    name = target.removeprefix(f"{library}.")
    return name != target and name.isascii() and name.isidentifier() and not name.startswith("_")


def _targets(node: Any, path: Place) -> Iterator[tuple[Place, Any]]:
    if isinstance(node, Mapping):
        for key, value in node.items():
            if key == TARGET:
                if value != "???":
                    yield path, value
            else:
                yield from _targets(value, (*path, str(key)))
    elif isinstance(node, list):
        for value in node:
            yield from _targets(value, path)


def _matches(target: str, pattern: str) -> bool:
    if pattern.endswith(".*"):
        return len(pattern) > 2 and target.startswith(pattern[:-1])
    return bool(pattern) and target == pattern
