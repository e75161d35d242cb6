"""Look a named choice up, or say which names there are."""

from collections.abc import Iterable, Mapping
from typing import TypeVar

from tuneformer.config.suggestions import did_you_mean
from tuneformer.errors import UserError

Choice = TypeVar("Choice")


def check_choice(setting: str, name: str, choices: Iterable[str]) -> None:
    """Raise UserError, with all names and the nearest, unless `name` is among the choices."""
    names = list(choices)
    if name not in names:
        raise UserError(f"{setting}={name} must be one of {', '.join(names)}; {did_you_mean(name, names)}")


def choose(setting: str, name: str, choices: Mapping[str, Choice]) -> Choice:
    """Return `choices[name]`; raise UserError where there is none."""
    check_choice(setting, name, choices)
    return choices[name]
