"""What the fields of record.json, config.yaml and sweep.json must be, checked where the file is read.

A run directory may come from anybody, and its readers take its fields as what they are told to be here.
"""

import math
import re
from collections.abc import Callable, Mapping
from typing import Any

Check = Callable[[Any], bool]

_NAMED_NUMBERS = ("nan", "inf", "-inf")


def is_text(value: Any) -> bool:
    """Whether it is a string."""
    return isinstance(value, str)


def is_whole(value: Any) -> bool:
    """Whether it is a whole number from 0 up to that of 64 bits."""
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 2**63


def is_positive(value: Any) -> bool:
    """Whether it is a whole number from 1 up to that of 64 bits."""
    return is_whole(value) and value > 0


def is_amount(value: Any) -> bool:
    """Whether it is a finite number, 0 or greater."""
    return is_number(value) and not isinstance(value, str) and math.isfinite(value) and value >= 0


def is_number(value: Any) -> bool:
    """Whether it is a number that a double holds, or the name of one that is not finite."""
    if isinstance(value, str):
        return value in _NAMED_NUMBERS
    if isinstance(value, int) and not isinstance(value, bool):
        return abs(value) < 2**1000
    return isinstance(value, float)


def is_table(value: Any) -> bool:
    """Whether it maps names to values."""
    return isinstance(value, dict)


def is_numbers(value: Any) -> bool:
    """Whether it maps names to numbers, or to null."""
    return isinstance(value, dict) and all(part is None or is_number(part) for part in value.values())


def is_texts(value: Any) -> bool:
    """Whether it is a list of strings."""
    return isinstance(value, list) and all(isinstance(part, str) for part in value)


def is_flag(value: Any) -> bool:
    """Whether it is true or false."""
    return isinstance(value, bool)


def is_attempts(value: Any) -> bool:
    """Whether it is a list of attempts at a run, each with its steps, seconds and status."""
    return isinstance(value, list) and all(
        isinstance(part, dict)
        and is_whole(part.get("first_step"))
        and is_whole(part.get("last_step"))
        and is_amount(part.get("seconds"))
        and is_text(part.get("status"))
        and all(isinstance(part.get(name) or {}, dict) for name in ("versions", "hardware"))
        for part in value
    )


def is_file_names(value: Any) -> bool:
    """Whether it is a list of names of files in one folder."""
    return is_texts(value) and all(is_folder_name(part) for part in value)


def is_folder_name(value: Any) -> bool:
    """Whether it names something right inside a folder, and nothing elsewhere."""
    return isinstance(value, str) and value not in ("", ".", "..") and not re.search(r"[/\0]", value)


def or_null(check: Check) -> Check:
    """The same, or null."""
    return lambda value: value is None or check(value)


RECORD: Mapping[str, tuple[Check, str]] = {
    "attempts": (is_attempts, "a list of attempts"),
    "command": (is_text, "text"),
    "config_hash": (is_text, "text"),
    "data": (is_table, "a table"),
    "data.fingerprint": (is_text, "text"),
    "data.kept": (is_file_names, "a list of names of files"),
    "data.task": (is_text, "text"),
    "data.unit": (is_text, "text"),
    "epochs": (or_null(is_amount), "a number or null"),
    "error": (or_null(is_text), "text or null"),
    "fastest": (or_null(is_table), "a table or null"),
    "fastest.chosen": (is_table, "a table"),
    "git": (or_null(is_table), "a table or null"),
    "hardware": (or_null(is_table), "a table or null"),
    "hardware.threads": (or_null(is_positive), "a whole number of at least 1"),
    "memory": (or_null(is_table), "a table or null"),
    "lost": (is_texts, "a list of texts"),
    "metrics": (is_table, "a table"),
    "metrics.best": (is_numbers, "a table of numbers"),
    "metrics.final": (is_numbers, "a table of numbers"),
    "model": (or_null(is_table), "a table or null"),
    "name": (or_null(is_text), "text or null"),
    "restarts": (is_whole, "a whole number"),
    "search": (or_null(is_table), "a table or null"),
    "seed": (is_whole, "a whole number"),
    "started": (is_text, "text"),
    "status": (is_text, "text"),
    "steps": (is_whole, "a whole number"),
    "stop": (or_null(is_table), "a table or null"),
    "stop.can_go_on": (is_flag, "true or false"),
    "train_seconds": (is_amount, "a number of seconds"),
    "versions": (or_null(is_table), "a table or null"),
    "wall_seconds": (is_amount, "a number of seconds"),
}
"""The fields of record.json that are read by anybody: what each must be, where it is there."""

GROUPS = ("attention", "callbacks", "data", "launcher", "logger", "model", "optimizer", "param_groups")
GROUPS += ("scheduler", "search", "trainer")
CONFIG: Mapping[str, tuple[Check, str]] = {
    **dict.fromkeys(GROUPS, (is_table, "a group of settings")),
    "attention._target_": (is_text, "text"),
    "callbacks.averaging": (or_null(is_table), "a group of settings"),
    "callbacks.averaging.start": (is_amount, "a share of the run"),
    "data._target_": (is_text, "text"),
    "data.beam_size": (is_positive, "a whole number of at least 1"),
    "data.context_length": (or_null(is_positive), "a whole number of at least 1"),
    "data.task": (is_text, "text"),
    "init_run": (or_null(is_text), "text or null"),
    "model._target_": (is_text, "text"),
    "name": (or_null(is_text), "text or null"),
    "optimized_metric": (is_text, "text"),
    "param_groups.weight_decay_end": (is_amount, "a number"),
    "scheduler._target_": (is_text, "text"),
    "scheduler.cooldown": (is_amount, "a number of steps, or a share"),
    "scheduler.warmup": (is_amount, "a number of steps, or a share"),
    "seed": (is_whole, "a whole number"),
    "trainer.max_steps": (is_positive, "a whole number of at least 1"),
}
"""The settings of config.yaml that are read by anybody but the component that they build."""

JOB: Mapping[str, tuple[Check, str]] = {
    "overrides": (is_texts, "a list of texts"),
    "config_hash": (is_text, "text"),
    "identity": (is_text, "text"),
    "error": (or_null(is_text), "text or null"),
}
"""A job in sweep.json."""


def first_fault(values: Mapping[str, Any], fields: Mapping[str, tuple[Check, str]]) -> str | None:
    """`name must be ..., not value` for the first field that is something else; None where all fit."""
    for path, (check, allowed) in fields.items():
        node: Any = values
        *outer, last = path.split(".")
        for key in outer:
            node = node.get(key) if isinstance(node, dict) else None
        if isinstance(node, dict) and last in node and not check(node[last]):
            shown = "" if isinstance(node[last], dict | list) else f", not {_shown(node[last])}"
            return f"{path} must be {allowed}{shown}"
    return None


def _shown(value: Any) -> str:
    if isinstance(value, int) and abs(value) >= 2**63:
        return "a number beyond all bounds"
    text = "null" if value is None else repr(value)
    return text if len(text) <= 60 else f"{text[:60]}..."
