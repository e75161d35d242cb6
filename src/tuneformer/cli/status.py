"""Shows how far a sweep is.

    %(prog)s outputs/sweeps/<sweep>

On a terminal the table follows the sweep until it is over or Ctrl-C; elsewhere it is printed once.
"""

import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

from tuneformer.cli.command_line import CommandParser
from tuneformer.config.ranges import Range

if TYPE_CHECKING:
    from rich.console import Console

WAIT = Range(low=0, high=86_400, holds_low=False, holds_high=True, words="must be above 0, and at most a day")


def main() -> None:
    parser = CommandParser(__doc__)
    parser.add_argument("sweep", type=Path, help="its folder, outputs/sweeps/<sweep>")
    parser.add_argument("--once", action="store_true", help="print the table once, on a terminal as well")
    parser.add_number("--every", WAIT, of=float, default=2.0, what="seconds between two looks (default: 2)")
    given = parser.parse_args()

    from rich.live import Live

    from tuneformer.process.escaping_console import EscapingConsole
    from tuneformer.sweeps.status import StatusReader
    from tuneformer.sweeps.status_table import status_table

    reader = StatusReader(given.sweep)
    status = reader.read()
    console = EscapingConsole(width=None if sys.stdout.isatty() else 140)
    if given.once or not sys.stdout.isatty():
        console.print(status_table(status))
        return
    shown = status
    with Live(status_table(status, at_most=_room(console)), console=console, auto_refresh=False) as live:
        while not status.over:
            time.sleep(given.every)
            status = reader.read()
            if status != shown:
                live.update(status_table(status, at_most=_room(console)), refresh=True)
                shown = status
    if len(status.jobs) > _room(console):
        console.print(status_table(status))


def _room(console: "Console") -> int:
    """The jobs that fit on the terminal, beside the title, the head and the frame."""
    return max(1, console.height - 7)
