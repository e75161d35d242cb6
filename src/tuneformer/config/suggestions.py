"""The nearest name for a typo, and what else could have been meant."""

from collections.abc import Iterable, Sequence
from difflib import get_close_matches
from typing import Any

from tuneformer.config.shown import shown
from tuneformer.errors import UserError


def nearest(word: object, known: Iterable[str]) -> str | None:
    """The name that `word` was probably meant to be, None where none is near."""
    near = get_close_matches(str(word), sorted(set(known)), n=1, cutoff=0.6)
    return near[0] if near else None


def did_you_mean(word: object, known: Iterable[str]) -> str:
    """A half sentence that helps: the nearest name, or all of them where none is near."""
    names = sorted(set(known))
    near = nearest(word, names)
    if near is not None:
        return f"did you mean {near}?"
    return f"there are {', '.join(names)}" if names else "there are none"


def one_of(setting: str, value: Any, allowed: Sequence[str]) -> Any:
    """`value`, if it is allowed; else raises UserError with the allowed words and the nearest."""
    if value not in allowed:
        near = nearest(value, allowed)
        hint = f" (did you mean {near}?)" if near else ""
        raise UserError(f"{setting}={shown(value)} must be one of {', '.join(allowed)}{hint}")
    return value
