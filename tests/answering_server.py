"""A server that is not to be trusted: it gives one answer to all, and notes what it was told."""

from __future__ import annotations

import json
import threading
from email.message import Message
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, NamedTuple


class Asked(NamedTuple):
    method: str
    path: str
    headers: Message


class AnsweringServer(ThreadingHTTPServer):
    """On a port of loopback; lets pages of every origin ask. Change its attributes while it runs."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.base_url = f"http://127.0.0.1:{self.server_port}"
        self.asked: list[Asked] = []
        self.status = 200
        self.location = ""
        """Where it redirects to; the path stays."""
        self.document: Any = {}
        threading.Thread(target=self.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()

    def stop(self) -> None:
        self.shutdown()
        self.server_close()


class _Handler(BaseHTTPRequestHandler):
    server: AnsweringServer

    def answer(self) -> None:
        self.server.asked.append(Asked(self.command, self.path, self.headers))
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        self._send(self.server.status, json.dumps(self.server.document).encode())

    do_GET = do_POST = do_PUT = do_DELETE = answer  # noqa: N815

    def do_OPTIONS(self) -> None:
        self._send(204, b"")

    def _send(self, status: int, body: bytes) -> None:
        self.send_response(status)
        if self.server.location and self.command != "OPTIONS":
            self.send_header("Location", self.server.location + self.path)
        self.send_header("Access-Control-Allow-Origin", self.headers.get("Origin", "*"))
        self.send_header("Access-Control-Allow-Methods", "*")
        self.send_header("Access-Control-Allow-Headers", f"{self.headers.get('Access-Control-Request-Headers', '*')}")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *args: object) -> None:
        """The test says what matters."""
