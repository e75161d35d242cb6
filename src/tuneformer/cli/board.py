"""Serves all runs on this machine: a table, live curves, pages.

    %(prog)s
    %(prog)s outputs/sweeps/<sweep> --port 8001

Answers on the loopback interface alone, changes nothing, and sends nothing anywhere; Ctrl-C ends it.
"""

import contextlib
import webbrowser
from pathlib import Path

from tuneformer.cli.command_line import CommandParser
from tuneformer.config.ranges import whole

PORTS = whole(0, 65_535)


def main() -> None:
    parser = CommandParser(__doc__)
    parser.add_argument(
        "folder",
        type=Path,
        nargs="?",
        default=Path("outputs"),
        help="below which runs lie (default: outputs)",
    )
    parser.add_number("--port", PORTS, default=8765, what="of the server; 0: a free one (default: 8765)")
    parser.add_argument("--no-browser", action="store_true", help="print the address, and open nothing")
    given = parser.parse_args()

    from tuneformer.errors import UserError
    from tuneformer.process.terminal import show
    from tuneformer.report.board.server import BoardServer

    if not given.folder.is_dir():
        raise UserError(f"{given.folder} is not a folder: give one below which runs lie, such as outputs")
    with BoardServer(given.folder, port=given.port) as board:
        show(f"{board.address} (Ctrl-C ends it)")
        if not given.no_browser:
            webbrowser.open(board.address)
        with contextlib.suppress(KeyboardInterrupt):
            board.serve_forever()
