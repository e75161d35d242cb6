"""Packages of one's own: options in their folder conf, measures and rules in their module plugins.

An installed one is found by an entry point of the group tuneformer.plugins:

    [project.entry-points."tuneformer.plugins"]
    mine = "mypackage"

One that is not installed is found where TUNEFORMER_ALLOW="mypackage.*" allows it and Python can import it;
--config-dir tells of its options. A package is looked for, not imported, until something of it is wanted.
`mypackage/plugins.py` may have MEASURES, a tuple of `measures.measure.Measure`, and RULES, one of
`diagnosis.rules.Rule`.
"""

import os
from functools import cache
from importlib import import_module
from importlib.metadata import entry_points
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from tuneformer.errors import UserError

GROUP = "tuneformer.plugins"
MEASURES, RULES = "MEASURES", "RULES"


@cache
def plugin_packages() -> tuple[str, ...]:
    """The packages that installed distributions name, without what is no top-level package."""
    return tuple(sorted({point.value for point in entry_points(group=GROUP) if point.value.isidentifier()}))


def allowed_names() -> list[str]:
    """What TUNEFORMER_ALLOW names: each a name, or a package and `.*`."""
    return [pattern.strip() for pattern in os.environ.get("TUNEFORMER_ALLOW", "").split(",")]


def plugin_folders() -> list[Path]:
    """The folders of options of the packages that have one."""
    folders = [place / "conf" for package in plugin_packages() for place in _places(package)]
    return [folder for folder in folders if folder.is_dir()]


def plugin_objects(name: str, kind: type) -> tuple[Any, ...]:
    """What the tuples of that name hold in the modules `plugins` of the packages.

    Raises:
        UserError: something else than a tuple of `kind`.
    """
    allowed = (pattern.removesuffix(".*") for pattern in allowed_names() if pattern.endswith(".*"))
    packages = dict.fromkeys((*plugin_packages(), *filter(str.isidentifier, allowed)))
    return tuple(each for package in packages for each in _objects_of(package, name, kind))


@cache
def _objects_of(package: str, name: str, kind: type) -> tuple[Any, ...]:
    if not any((place / "plugins.py").is_file() for place in _places(package)):
        return ()
    named = getattr(import_module(f"{package}.plugins"), name, ())
    if not isinstance(named, tuple) or not all(isinstance(each, kind) for each in named):
        raise UserError(f"{package}.plugins.{name} is no tuple of {kind.__name__}")
    return named


def _places(package: str) -> list[Path]:
    """The folders of a package; none where it is no package, or cannot be found."""
    spec = find_spec(package)
    return [Path(place) for place in (spec and spec.submodule_search_locations) or ()]
