"""Words to the person at the terminal, with nothing in them that a terminal would obey.

Names, folders, corpora, generated text and the files of a run may come from anybody. What in them would move
the cursor, colour, ring, rename the window or turn the direction of writing is shown as its escape: \\x1b.
So it is in a pipe as well, since what is piped is often shown in the end.
"""

import re
import sys

from tuneformer.process.unfailing_output import unfailing

# All control characters but tab and line feed; marks, embeddings and isolates of direction; the two
# separators that some terminals take for line ends; the byte-order mark; halves of characters.
_OBEYED = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff\ud800-\udfff]"
)


def printable(text: str) -> str:
    """The text with every character that a terminal would obey escaped; tabs and line feeds stay."""
    return _OBEYED.sub(lambda found: found[0].encode("unicode_escape").decode("ascii"), text)


def say(line: str) -> None:
    """One line on standard error, at once; where nobody reads it any more it is lost."""
    say_text(line.replace("\n", "\\n"))


def say_text(text: str) -> None:
    """Lines on standard error, such as a traceback, at once."""
    if sys.stderr is not None:  # else print would choose standard output
        print(printable(text), file=unfailing(sys.stderr), flush=True)


def show(text: str) -> None:
    """A result on standard output, where it can be piped: lines and tabs as they are."""
    if sys.stdout is not None:
        print(printable(text), file=unfailing(sys.stdout), flush=True)
