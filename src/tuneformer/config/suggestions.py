"""The nearest name for a typo."""

from collections.abc import Iterable
from difflib import get_close_matches


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
