"""What a configuration may call.

Hydra builds whatever a `_target_` names; here it may name only what the project is for. A user's own
package is allowed by the environment, never by a YAML file: TUNEFORMER_ALLOW="mypackage.*" (several
are separated by commas).
"""

import os
from collections.abc import Iterator
from contextlib import AbstractContextManager
from typing import Any

from hydra.utils import execution_whitelist

from tuneformer.errors import UserError

PROJECT_TARGETS = (
    "tuneformer.*",
    "torch.optim.*",
    "pytorch_optimizer.*",
    "schedulefree.*",
    "pytorch_lightning.callbacks.*",
    "pytorch_lightning.loggers.*",
)


def allowed_targets() -> list[str]:
    """The patterns (a dotted name, or a package and `.*`) that a `_target_` must match."""
    extra = os.environ.get("TUNEFORMER_ALLOW", "")
    return [*PROJECT_TARGETS, *(pattern.strip() for pattern in extra.split(",") if pattern.strip())]


def check_targets(config: Any, path: str = "") -> None:
    """Raises UserError for a `_target_` outside the whitelist, before anything is imported for it."""
    allowed = allowed_targets()
    for where, target in _targets(config, path):
        if not any(_matches(str(target), pattern) for pattern in allowed):
            raise UserError(
                f"{where}={target} is not allowed: a configuration may call {', '.join(allowed)}"
                " (TUNEFORMER_ALLOW=<package>.* adds one)"
            )


def target_modules(config: Any) -> set[str]:
    """The modules of the project and of the libraries it builds on that a configuration calls."""
    known = [
        target for target in targets(config) if any(_matches(target, pattern) for pattern in PROJECT_TARGETS)
    ]
    return {target.rpartition(".")[0] for target in known}


def targets(config: Any) -> list[str]:
    """The classes and functions that a configuration calls, without any of its numbers."""
    return [str(target) for _, target in _targets(config, "")]


def _targets(node: Any, path: str) -> Iterator[tuple[str, Any]]:
    if isinstance(node, dict):
        for key, value in node.items():
            here = f"{path}.{key}" if path else str(key)
            if key == "_target_":
                if value != "???":  # a missing value has its own message
                    yield here, value
            else:
                yield from _targets(value, here)
    elif isinstance(node, list):
        for index, value in enumerate(node):
            yield from _targets(value, f"{path}[{index}]")


def _matches(target: str, pattern: str) -> bool:
    return target.startswith(pattern[:-1]) if pattern.endswith(".*") else target == pattern


def whitelisted() -> AbstractContextManager[None]:
    """Within it, Hydra builds what the whitelist allows and nothing else, whoever called."""
    return execution_whitelist(allowed_targets())
