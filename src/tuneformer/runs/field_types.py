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


def is_words(value: Any) -> bool:
    """Whether it maps names to strings."""
    return isinstance(value, dict) and all(isinstance(part, str) for part in value.values())


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


Allowed = tuple[Check, str]
"""What a value must be, and that in words."""

TEXT: Allowed = (is_text, "text")
TEXTS: Allowed = (is_texts, "a list of texts")
WORDS: Allowed = (is_words, "a table of texts")
TABLE: Allowed = (is_table, "a table")
GROUP: Allowed = (is_table, "a group of settings")
NUMBERS: Allowed = (is_numbers, "a table of numbers")
WHOLE: Allowed = (is_whole, "a whole number")
POSITIVE: Allowed = (is_positive, "a whole number of at least 1")
AMOUNT: Allowed = (is_amount, "a number")
SECONDS: Allowed = (is_amount, "a number of seconds")
STEPS: Allowed = (is_amount, "a number of steps, or a share")
FLAG: Allowed = (is_flag, "true or false")
ATTEMPTS: Allowed = (is_attempts, "a list of attempts")
FILE_NAMES: Allowed = (is_file_names, "a list of names of files")


def or_null(allowed: Allowed) -> Allowed:
    """The same, or null."""
    check, words = allowed
    return lambda value: value is None or check(value), f"{words} or null"


GROUPS = ("attention", "callbacks", "data", "launcher", "logger", "model", "optimizer", "param_groups")
GROUPS += ("scheduler", "search", "trainer")
CONFIG: Mapping[str, Allowed] = {
    **dict.fromkeys(GROUPS, GROUP),
    "attention._target_": TEXT,
    "callbacks.averaging": or_null(GROUP),
    "callbacks.averaging.start": (is_amount, "a share of the run"),
    "data._target_": TEXT,
    "data.beam_size": POSITIVE,
    "data.context_length": or_null(POSITIVE),
    "data.task": TEXT,
    "init_run": or_null(TEXT),
    "model._target_": TEXT,
    "name": or_null(TEXT),
    "optimized_metric": TEXT,
    "param_groups.weight_decay_end": AMOUNT,
    "scheduler._target_": TEXT,
    "scheduler.cooldown": STEPS,
    "scheduler.warmup": STEPS,
    "seed": WHOLE,
    "trainer.max_steps": POSITIVE,
}
"""The settings of config.yaml that are read by anybody but the component that they build."""

JOB: Mapping[str, Allowed] = {
    "overrides": TEXTS,
    "config_hash": TEXT,
    "identity": TEXT,
    "error": or_null(TEXT),
}
"""A job in sweep.json."""


def first_fault(values: Mapping[str, Any], fields: Mapping[str, Allowed]) -> str | None:
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
