"""What the options of a run's config groups are called."""

import json
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from tuneformer.config.schema import GROUPS

MANIFEST = "sweep.json"  # of a sweep: the overrides of each of its jobs
WORD_BEGINS = re.compile(r"(?<=[a-z0-9])(?=[A-Z][a-z])")


def manifest_options(sweep: Path) -> dict[str, dict[str, str]]:
    """The options of each job of a sweep by its folder's name; empty without a readable sweep.json."""
    try:
        jobs = json.loads((sweep / MANIFEST).read_text(encoding="utf-8"))["jobs"]
        return {name: options_of(entry["overrides"]) for name, entry in jobs.items()}
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
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
    """What a group builds, as one text: every `_target_` in it, the nested ones included."""
    prefix = f"{group}."
    targets = [
        str(settings[key])
        for key in sorted(settings)
        if key.startswith(prefix) and key.rpartition(".")[2] == "_target_"
    ]
    return " ".join(targets)


def label_of_target(target: str) -> str:
    """A name for what has none: that of its class, in the way options are named.

    Of a hybrid (the optimizer of matrices and that of everything else) the one of the matrices.
    """
    targets = target.split(" ")
    name = targets[1] if len(targets) > 1 and targets[0].endswith(".Hybrid") else targets[0]
    return WORD_BEGINS.sub("_", name.rpartition(".")[2]).lower()
