"""Installed packages that add options of their own, by an entry point of the group tuneformer.plugins.

    [project.entry-points."tuneformer.plugins"]
    mine = "mypackage"

The options lie in the package's folder conf, as those of tuneformer do, and may name what the package has.
A package is looked for, not imported, until an option that names it is built. Two more groups name tuples:
tuneformer.measures of `measures.measure.Measure`, tuneformer.rules of `diagnosis.rules.Rule`.
"""

from functools import cache
from importlib.metadata import entry_points
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from tuneformer.errors import UserError

GROUP, MEASURES, RULES = "tuneformer.plugins", "tuneformer.measures", "tuneformer.rules"


@cache
def plugin_packages() -> tuple[str, ...]:
    """The packages that installed distributions name, without what is no top-level package."""
    return tuple(sorted({point.value for point in entry_points(group=GROUP) if point.value.isidentifier()}))


def plugin_folders() -> list[Path]:
    """The folders of options of the packages that have one."""
    specs = [spec for package in plugin_packages() if (spec := find_spec(package)) is not None]
    places = [Path(place) / "conf" for spec in specs for place in spec.submodule_search_locations or ()]
    return [folder for folder in places if folder.is_dir()]


@cache
def plugin_objects(group: str, kind: type) -> tuple[Any, ...]:
    """What the tuples hold that the entry points of a group name.

    Raises:
        UserError: something else than a tuple of `kind`.
    """
    found: list[Any] = []
    for point in entry_points(group=group):
        named = point.load()
        if not isinstance(named, tuple) or not all(isinstance(each, kind) for each in named):
            raise UserError(
                f"the entry point {point.name} of {group} names no tuple of {kind.__name__}: {point.value}"
            )
        found += named
    return tuple(found)
