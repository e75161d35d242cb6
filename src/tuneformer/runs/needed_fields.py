"""What one use of a record or a configuration cannot do without, checked before it is read.

The files are read by many: a result may be compared that lacks what a run needs to be started from.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from tuneformer.errors import UserError

OF_A_TRUNK = ("callbacks", "param_groups", "scheduler._target_", "trainer.max_steps")
"""Settings that say until which step a run's rate does not depend on its horizon."""
OF_A_STABLE_SCHEDULE = ("scheduler.warmup",)
"""What the schedules that a trunk may have are set to besides."""
OF_AN_OPTIMIZER = ("optimizer", "param_groups")
"""Settings that tell one optimizer from another."""


def first_absent(values: Mapping[str, Any], paths: Sequence[str]) -> str | None:
    """The first path, with dots, at which there is nothing, or null; None where all are there."""
    for path in paths:
        node: Any = values
        for key in path.split("."):
            node = node.get(key) if isinstance(node, Mapping) else None
        if node is None:
            return path
    return None


def check_present(values: Mapping[str, Any], paths: Sequence[str], *, file: Path) -> None:
    """Raises UserError for the first path that the values of a file lack."""
    if (path := first_absent(values, paths)) is not None:
        raise UserError(f"{file} is damaged: it has no {path}")
