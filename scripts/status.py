"""Shows how far a sweep is: python scripts/status.py outputs/sweeps/<sweep>

On a terminal the table follows the sweep until it is over or Ctrl-C; elsewhere it is printed once.
"""

import argparse
import sys
import time
from pathlib import Path

from tuneformer.command_line import run_command


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("sweep", type=Path, help="its folder, outputs/sweeps/<sweep>")
    parser.add_argument("--once", action="store_true", help="print the table once, on a terminal as well")
    parser.add_argument("--every", type=float, default=2.0, help="seconds between two looks (default: 2)")
    given = parser.parse_args()

    from rich.live import Live

    from tuneformer.escaping_console import EscapingConsole
    from tuneformer.sweeps.status import read_status
    from tuneformer.sweeps.status_table import status_table

    status = read_status(given.sweep)
    console = EscapingConsole(width=None if sys.stdout.isatty() else 140)
    if given.once or not sys.stdout.isatty():
        console.print(status_table(status))
        return
    with Live(status_table(status), console=console, auto_refresh=False) as live:
        while not status.over:
            time.sleep(given.every)
            status = read_status(given.sweep)
            live.update(status_table(status), refresh=True)


if __name__ == "__main__":
    run_command(main)
