"""Serves the board on the loopback interface: pages to read, nothing that changes anything."""

import json
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

from tuneformer.errors import UserError
from tuneformer.process.invocation import command_for
from tuneformer.report.board.runs import Runs
from tuneformer.report.page_names import ATTENTION_PAGE, COMPARISON_PAGE, RUN_PAGE
from tuneformer.report.run_page.content import read_content
from tuneformer.report.run_page.html import render_page
from tuneformer.report.shell import PANEL_STYLES, PANELS, render_shell
from tuneformer.runs.regular_file import read_regular
from tuneformer.runs.shown_paths import shown_path

HOST = "127.0.0.1"
PAGE = Path(__file__).parent / "page"
PAGES = (RUN_PAGE, f"analysis/{ATTENTION_PAGE}", COMPARISON_PAGE)
LARGEST_PAGE = 1 << 28
HTML, JSON = "text/html; charset=utf-8", "application/json"


class BoardServer(ThreadingHTTPServer):
    """The server; `serve_forever` until it is interrupted."""

    daemon_threads = True

    def __init__(self, folder: Path, *, port: int) -> None:
        """Raises UserError where the port is taken."""
        self.runs = Runs(folder)
        try:
            super().__init__((HOST, port), BoardRequest)
        except (OSError, OverflowError) as error:
            raise UserError(f"--port={port} cannot be had: {error}") from error

    @property
    def address(self) -> str:
        """What to open."""
        return f"http://{HOST}:{self.server_port}/"


class BoardRequest(BaseHTTPRequestHandler):
    """One request: the list, the curves of runs, or one of their pages."""

    server: BoardServer  # pyright: ignore[reportIncompatibleVariableOverride]

    def do_GET(self) -> None:
        """Answers; what is not there is 404."""
        if not self._is_asked_here():
            self._send(HTTPStatus.FORBIDDEN, "text/plain", b"the board answers this machine alone")
            return
        asked = urlsplit(self.path)
        try:
            kind, body = self._answer(asked.path, parse_qs(asked.query))
        except (UserError, OSError) as error:
            self._send(HTTPStatus.NOT_FOUND, "text/plain; charset=utf-8", str(error).encode())
            return
        self._send(HTTPStatus.OK, kind, body)

    def log_message(self, format: str, *args: Any) -> None:
        """Says nothing: a board that is looked at asks every few seconds."""

    def _is_asked_here(self) -> bool:
        """Whether the server is asked by its own name, which a page from elsewhere does not do."""
        host = self.headers.get("Host", "")
        return host in {f"{name}:{self.server.server_port}" for name in (HOST, "localhost")}

    def _answer(self, path: str, asked: dict[str, list[str]]) -> tuple[str, bytes]:
        runs = self.server.runs
        if path == "/":
            return HTML, _page(runs.folder).encode()
        if path == "/runs.json":
            return JSON, json.dumps({"runs": runs.listed(), "sweeps": runs.sweeps()}).encode()
        if path == "/curves.json":
            return JSON, json.dumps(runs.curves(asked.get("run", []))).encode()
        for page in PAGES:
            if path.startswith("/show/") and path.endswith(f"/{page}"):
                found = runs.find(unquote(path.removeprefix("/show/").removesuffix(f"/{page}")))
                if page == RUN_PAGE:
                    return HTML, render_page(read_content(found)).encode()
                return HTML, read_regular(found / page, at_most=LARGEST_PAGE)
        raise UserError("there is no such page")

    def _send(self, status: HTTPStatus, kind: str, body: bytes) -> None:
        self.send_response(status)
        for name, value in {
            "Content-Type": kind,
            "Content-Length": str(len(body)),
            "Cache-Control": "no-store",
            "X-Content-Type-Options": "nosniff",
            "X-Frame-Options": "DENY",
        }.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)


def _page(folder: Path) -> str:
    return render_shell(
        PAGE / "board.html.j2",
        styles=[*PANEL_STYLES, PAGE / "board.css"],
        scripts=[*PANELS, PAGE / "board.js"],
        title="Runs",
        folder=shown_path(folder),
        command=f"{command_for('board')} {shown_path(folder)}",
    )
