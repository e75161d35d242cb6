"""Values in messages."""

from collections.abc import Mapping

LONGEST_PRINTED = 80


def shown(value: object) -> str:
    """A value as it is typed on the command line: null and true, not None and True."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, int):
        return printable(value)
    if isinstance(value, Mapping):
        return f"{{{','.join(f'{key}:{shown(element)}' for key, element in value.items())}}}"
    return f"[{','.join(map(shown, value))}]" if isinstance(value, list | tuple) else str(value)


def printable(value: object, *, at_most: int = LONGEST_PRINTED) -> str:
    """A value that somebody else wrote: printable, of bounded length."""
    text = str(value)
    text = text if text.isprintable() else ascii(text)
    return text if len(text) <= at_most else f"{text[:at_most]}..."
