"""Words to the person at the terminal: on standard error, so that results can be piped."""

import sys

from tuneformer.unfailing_output import unfailing


def say(line: str) -> None:
    """One line, at once; where nobody reads it any more it is lost."""
    if sys.stderr is not None:  # else print would choose standard output
        print(line, file=unfailing(sys.stderr), flush=True)
