"""Where a search looks when its option says `spaces: auto`: where each optimizer says itself."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from tuneformer.config.described import described_arguments
from tuneformer.config.options import list_options, load_option
from tuneformer.config.plain import Config
from tuneformer.config.registry import Place


def own_spaces(folders: Sequence[Path]) -> dict[str, Any]:
    """The space of every optimizer that says one: option -> group -> setting -> range.

    Args:
        folders: where options are found.
    """
    spaces = {option: _space(option, folders) for option in list_options("optimizer", folders)}
    return {option: {"optimizer": space} for option, space in spaces.items() if space}


def _space(option: str, folders: Sequence[Path]) -> dict[str, Any]:
    settings = load_option("optimizer", option, folders)
    found: dict[str, Any] = {}
    for name, (low, high) in _searched(("optimizer",), settings):
        if name in settings:  # of several components that share a setting, the first knows best
            found.setdefault(name, {"low": low, "high": high, "log": True})
    return found


def _searched(place: Place, settings: Config) -> Iterator[tuple[str, tuple[float, float]]]:
    """The settings of a component that a search varies, and those that it gives to components inside."""
    arguments = described_arguments(place, settings)
    for name, argument in arguments.items():
        if argument.setting.search is not None:
            yield name, argument.setting.search
    for name, argument in arguments.items():
        if argument.is_component and isinstance(settings.get(name), dict):
            inside = dict(_searched((*place, name), settings[name]))
            yield from ((key, inside[key]) for key in argument.setting.given if key in inside)
