"""What the option of a config group is called, told from what it builds."""

import re
from collections.abc import Mapping
from typing import Any

WORD_BEGINS = re.compile(r"(?<=[a-z0-9])(?=[A-Z][a-z])")


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
