"""Configurations as plain values: dicts, lists, numbers and strings in place of Hydra's own containers."""

from collections.abc import Mapping
from typing import Any

Config = dict[str, Any]
"""A composed configuration, or a part of it, by the names of its keys."""

Settings = Mapping[str, Any]
"""What one option or component is set to; it is read and not changed."""
