"""Which run a configuration stands for: the part of it that determines the weights."""

import hashlib
import json
from functools import lru_cache
from typing import Any

from tuneformer.config.callback_facts import facts_of_callback
from tuneformer.config.described import added_later, never_of_the_weights
from tuneformer.config.moved import first_name
from tuneformer.config.plain import Config
from tuneformer.config.schema import root_arguments

# Numbers of devices and of accumulated parts change the weights by rounding only, and are recorded.
NOT_THE_WEIGHTS = ("launcher", "logger", "search")
"""Groups that say where, how visibly and by whose choice a run trains."""

NAME_OF_SIZES = "model.size"
"""It names settings that stand beside it and count by themselves: whether they were named changes nothing."""

INIT_RUN = "init_run"
"""What identifies the weights that a run starts from (`runs.origin`)."""

# of a run that starts from weights of its own they say nothing
_OF_INITIAL_WEIGHTS = frozenset({INIT_RUN, "init_optimizer", "init_weights"})


def determining(config: Config, prefix: str = "") -> dict[str, Any]:
    """The settings that determine the weights, flat: dotted path to value."""
    flat: dict[str, Any] = {}
    for key, value in config.items():
        path = f"{prefix}{key}"
        if is_outside_the_weights(path) or (value is None and _is_as_without(path)):
            continue
        if prefix == "callbacks." and not facts_of_callback(key, value).determines_weights:
            continue
        if path in _OF_INITIAL_WEIGHTS and config.get(INIT_RUN) is None:
            continue
        if isinstance(value, dict):
            flat |= determining(value, f"{path}.")
        else:
            flat[path] = None if path == NAME_OF_SIZES else value
    return flat


@lru_cache(maxsize=4096)
def is_outside_the_weights(path: str) -> bool:
    """Whether a setting changes where, how fast or how visibly a run trains, not its weights."""
    group, _, name = path.partition(".")
    if not name and path in (root := root_arguments()):
        return not root[path].setting.weights
    return path in NOT_THE_WEIGHTS or (bool(name) and name in never_of_the_weights(group))


@lru_cache(maxsize=4096)
def _is_as_without(path: str) -> bool:
    """Whether null stands for what runs did before the setting was there."""
    group, _, name = path.partition(".")
    return bool(name) and name in added_later(group)


def config_hash(config: Config) -> str:
    """A hexadecimal digest of what determines the weights: equal for runs that must come out equal.

    A class counts by the name that it was first saved by, wherever it is now.
    """
    named = {
        path: first_name(value) if path.endswith("_target_") and isinstance(value, str) else value
        for path, value in determining(config).items()
    }
    text = json.dumps(named, sort_keys=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def differences(config: Config, other: Config) -> list[str]:
    """`path=here (there: value)` for each setting that determines the weights and differs."""
    here, there = determining(config), determining(other)
    absent = "absent"
    return [
        f"{path}={here.get(path, absent)} (there: {there.get(path, absent)})"
        for path in sorted(here.keys() | there.keys())
        if here.get(path, absent) != there.get(path, absent)
    ]
