"""What the options of a run's groups are called, where its record, of an older version, does not say it."""

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from tuneformer.config.schema import GROUPS
from tuneformer.errors import UserError
from tuneformer.runs.own_folder import MANIFEST
from tuneformer.runs.plain_files import read_json

WORD_BEGINS = re.compile(r"(?<=[a-z0-9])(?=[A-Z][a-z])")


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


def target_of(group: str, settings: Mapping[str, Any]) -> str:
    """What a group builds, as one text: every `_target_` in it, nested ones included; settings are flat."""
    prefix = f"{group}."
    targets = [
        str(settings[key])
        for key in sorted(settings)
        if key.startswith(prefix) and key.rpartition(".")[2] == "_target_"
    ]
    return " ".join(targets)


def label_of_target(target: str) -> str:
    """A name for it: that of its class, in the way options are named.

    Of a hybrid (the optimizer of matrices and that of everything else) the one of the matrices.
    """
    targets = target.split(" ")
    name = targets[1] if len(targets) > 1 and targets[0].endswith(".Hybrid") else targets[0]
    return WORD_BEGINS.sub("_", name.rpartition(".")[2]).lower()
