"""Installed packages that add options of their own, by an entry point of the group tuneformer.plugins.

    [project.entry-points."tuneformer.plugins"]
    mine = "mypackage"

The options lie in the package's folder conf, as those of tuneformer do, and may name what the package has.
A package is looked for, not imported, until an option that names it is built.
"""

from functools import cache
from importlib.metadata import entry_points
from importlib.util import find_spec
from pathlib import Path

GROUP = "tuneformer.plugins"


@cache
def plugin_packages() -> tuple[str, ...]:
    """The packages that installed distributions name, without what is no top-level package."""
    return tuple(sorted({point.value for point in entry_points(group=GROUP) if point.value.isidentifier()}))


def plugin_folders() -> list[Path]:
    """The folders of options of the packages that have one."""
    specs = [spec for package in plugin_packages() if (spec := find_spec(package)) is not None]
    places = [Path(place) / "conf" for spec in specs for place in spec.submodule_search_locations or ()]
    return [folder for folder in places if folder.is_dir()]
