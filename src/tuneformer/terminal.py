"""Words to the person at the terminal: on standard error, so that results can be piped."""

import sys


def say(line: str) -> None:
    """One line, at once."""
    print(line, file=sys.stderr, flush=True)  # noqa: T201 - the one place that does
