"""Checks of a data option's settings: a mistake is one line with the setting and what is allowed."""

from collections.abc import Mapping
from typing import Any

from tuneformer.errors import UserError


def whole_number(setting: str, value: object, *, at_least: int) -> int:
    """`value`, if it is a whole number of at least `at_least`; else raises UserError."""
    if not isinstance(value, int) or isinstance(value, bool) or value < at_least:
        raise UserError(f"{setting}={value} must be a whole number of at least {at_least}")
    return value


def check_follows(option: object, needs: Mapping[str, Any]) -> None:
    """Raises UserError where a setting that follows from the data was given another value."""
    for name, value in needs.items():
        given = getattr(option, name)
        if given not in (None, value):
            raise UserError(f"data.{name}={given} is not what the data give ({value}): leave it null")
