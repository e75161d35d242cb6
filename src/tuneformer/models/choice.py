"""Look a named choice up, or say which names there are."""

from collections.abc import Iterable, Mapping
from typing import TypeVar

from tuneformer.config.suggestions import one_of

Choice = TypeVar("Choice")


def check_choice(setting: str, name: str, choices: Iterable[str]) -> None:
    """Raise UserError, with all names and the nearest, unless `name` is among the choices."""
    one_of(setting, name, list(choices))


def choose(setting: str, name: str, choices: Mapping[str, Choice]) -> Choice:
    """Return `choices[name]`; raise UserError where there is none."""
    check_choice(setting, name, choices)
    return choices[name]
