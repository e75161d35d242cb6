"""What the options of a run's config groups are called."""

from collections.abc import Sequence
from pathlib import Path

from tuneformer.config.schema import GROUPS
from tuneformer.errors import UserError
from tuneformer.runs.plain_files import read_json

MANIFEST = "sweep.json"  # of a sweep: the overrides of each of its jobs


def manifest_overrides(sweep: Path) -> dict[str, tuple[str, ...]]:
    """What each job of a sweep was given, by its folder's name; empty without a readable sweep.json."""
    try:
        jobs = read_json(sweep / MANIFEST)["jobs"]
        return {name: tuple(map(str, entry["overrides"])) for name, entry in jobs.items()}
    except (OSError, UserError, KeyError, TypeError, AttributeError):
        return {}  # the names of the folders say it too


def options_of(overrides: Sequence[str]) -> dict[str, str]:
    """The options that overrides choose: `optimizer=muon` gives {"optimizer": "muon"}."""
    chosen = {}
    for override in overrides:
        key, equals, value = override.partition("=")
        if equals and key in GROUPS and value:
            chosen[key] = value
    return chosen


def folder_options(name: str) -> dict[str, str]:
    """The options that the folder of a sweep's job is named by."""
    return options_of(name.replace("%2F", "/").replace("%25", "%").split(","))
