"""Settings without their nesting."""

from collections.abc import Iterator, Mapping
from typing import Any


def flat_settings(settings: Mapping[Any, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Each setting that is no group, in order: its path with dots behind `prefix`, and its value."""
    for key, value in settings.items():
        if isinstance(value, Mapping):
            yield from flat_settings(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", value
