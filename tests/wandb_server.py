"""A stand-in for W&B's server on the loopback: it takes what the real client sends, and keeps it."""

import json
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

KEY = "0" * 40
PROJECT = {"name": "tuneformer", "entity": {"name": "me"}, "id": "1"}


class StandIn(ThreadingHTTPServer):
    """What arrived: GraphQL operations, history rows by run, uploaded files, exit codes."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.operations: list[tuple[str, dict[str, Any]]] = []
        self.rows: dict[str, dict[int, dict[str, Any]]] = {}
        self.summaries: dict[str, dict[str, Any]] = {}
        self.exit_codes: dict[str, int] = {}
        self.files: dict[str, bytes] = {}
        self.unknown: list[str] = []

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Says nothing of a client that left before its answer, as W&B's does when it ends."""
        if not isinstance(sys.exception(), ConnectionError):
            super().handle_error(request, client_address)

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"http://127.0.0.1:{self.server_address[1]}"

    def answer(self, operation: str, variables: dict[str, Any]) -> dict[str, Any]:
        """The data of an operation's answer."""
        self.operations.append((operation, variables))
        if operation == "Viewer":
            return {
                "viewer": {"id": "1", "username": "me", "entity": "me", "flags": "{}", "teams": {"edges": []}}
            }
        if operation == "UpsertBucket":
            name = variables.get("name") or "run"
            bucket = {
                "id": name,
                "name": name,
                "displayName": variables.get("displayName") or name,
                "description": None,
                "config": "{}",
                "sweepName": None,
                "historyLineCount": 0,
                "project": PROJECT,
            }
            return {"upsertBucket": {"bucket": bucket, "inserted": True}}
        if operation == "CreateRunFiles":
            files = [
                {"name": name, "uploadUrl": f"{self.url}/upload/{name}"}
                for name in variables.get("files", [])
            ]
            return {"createRunFiles": {"runID": "1", "uploadHeaders": [], "files": files}}
        if operation == "CreateArtifact":
            # as if it were there already, so that the client sends its description and not its files
            latest = {"id": "1", "versionIndex": 0}
            sequence = {"id": "1", "latestArtifact": latest}
            return {
                "createArtifact": {
                    "artifact": {"id": "1", "state": "COMMITTED", "artifactSequence": sequence}
                }
            }
        if operation == "RunResumeStatus":
            return {"model": None}
        if operation == "ArtifactType":
            return {"project": {"artifact": None}}
        if operation == "OrganizationCoreWeaveOrganizationID":
            return {"organization": None}
        if operation == "NotifyScriptableRunAlert":
            return {"notifyScriptableRunAlert": {"success": True}}
        self.unknown.append(operation)
        return {}


class Handler(BaseHTTPRequestHandler):
    """Answers the client."""

    server: StandIn  # pyright: ignore[reportIncompatibleVariableOverride]

    def do_POST(self) -> None:
        body = self._body()
        if self.path == "/graphql":
            query = json.loads(body)
            operation = query.get("operationName") or query["query"].split("(")[0].split()[1]
            self._reply({"data": self.server.answer(operation, query.get("variables") or {})})
        elif self.path.endswith("/file_stream"):
            self._stream(self.path.split("/")[-2], json.loads(body))
            self._reply({"exitcode": None})
        else:
            self.server.unknown.append(self.path)
            self._reply({})

    def do_PUT(self) -> None:
        self.server.files[self.path.removeprefix("/upload/")] = self._body()
        self._reply({})

    def do_GET(self) -> None:
        self.server.unknown.append(self.path)
        self._reply({})

    def log_message(self, format: str, *args: Any) -> None:
        """Says nothing."""

    def _stream(self, run: str, sent: dict[str, Any]) -> None:
        for name, part in (sent.get("files") or {}).items():
            if name == "wandb-history.jsonl":
                rows = self.server.rows.setdefault(run, {})
                for number, line in enumerate(part["content"], start=part["offset"]):
                    rows[number] = json.loads(line)
            elif name == "wandb-summary.json":
                self.server.summaries[run] = json.loads(part["content"][-1])
        if sent.get("complete"):
            self.server.exit_codes[run] = sent.get("exitcode", 0)

    def _body(self) -> bytes:
        if self.headers.get("Transfer-Encoding") == "chunked":
            body = b""
            while length := int(self.rfile.readline(), 16):
                body += self.rfile.read(length)
                self.rfile.readline()
            self.rfile.readline()
            return body
        return self.rfile.read(int(self.headers.get("Content-Length", 0)))

    def _reply(self, value: dict[str, Any]) -> None:
        content = json.dumps(value).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)


@contextmanager
def stand_in() -> Iterator[StandIn]:
    """A server that runs within the block."""
    server = StandIn()
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()
        thread.join(5)
