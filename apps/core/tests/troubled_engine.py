"""A proxy in front of an S3 engine that does to requests what networks and overloaded stores do."""

from __future__ import annotations

import http.client
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import urlsplit

Trouble = Callable[[str, str], str]
"""Is given method and path of a request, and says what happens to it: nothing (empty), ``slow down``, ``cut`` before
the engine sees it, ``lost`` after it did, when only the answer is lost, ``damage`` of the bytes on the way, or
``gone`` as if there were no such object, ``denied`` as if a policy forbade it."""

SLOW_DOWN = b"<Error><Code>SlowDown</Code><Message>Please reduce your request rate.</Message></Error>"
NO_SUCH_KEY = b"<Error><Code>NoSuchKey</Code></Error>"
_XML = {"Content-Type": "application/xml"}


def _no_trouble(method: str, path: str) -> str:
    return ""


class TroubledEngine(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, engine: str) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.engine = urlsplit(engine)
        self.url = f"http://127.0.0.1:{self.server_port}"
        self.trouble: Trouble = _no_trouble
        self.seen: list[tuple[str, str]] = []

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Connections that are cut are what it is for."""


class _Handler(BaseHTTPRequestHandler):
    server: TroubledEngine
    protocol_version = "HTTP/1.1"

    def _forward(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        self.server.seen.append((self.command, self.path))
        trouble = self.server.trouble(self.command, self.path)
        if trouble == "cut":
            self.close_connection = True
            return
        if trouble == "slow down":
            self._answer(503, _XML, SLOW_DOWN)
            return
        if trouble == "denied":
            self._answer(403, _XML, b"")
            return
        if trouble == "gone":
            self._answer(404, _XML, NO_SUCH_KEY)
            return
        if trouble == "damage":
            body = body[:-1] + bytes([body[-1] ^ 1])
        answer, content = self._ask_engine(body)
        if trouble == "lost":
            self.close_connection = True
            return
        self._answer(answer.status, dict(answer.headers.items()), content)

    do_GET = do_PUT = do_POST = do_DELETE = do_HEAD = _forward  # noqa: N815

    def _ask_engine(self, body: bytes) -> tuple[http.client.HTTPResponse, bytes]:
        engine = self.server.engine
        connection = http.client.HTTPConnection(engine.hostname or "", engine.port, timeout=60)
        headers = {name: value for name, value in self.headers.items() if name.lower() != "expect"}
        connection.request(self.command, self.path, body or None, headers)
        answer = connection.getresponse()
        content = answer.read()
        connection.close()
        return answer, content

    def _answer(self, status: int, headers: dict[str, str], content: bytes) -> None:
        self.send_response(status)
        for name, value in headers.items():
            if name.lower() not in ("content-length", "transfer-encoding", "connection", "date", "server"):
                self.send_header(name, value)
        is_head = self.command == "HEAD"
        self.send_header("Content-Length", headers.get("Content-Length", "0") if is_head else str(len(content)))
        self.end_headers()
        if not is_head:
            self.wfile.write(content)

    def log_message(self, *args: object) -> None:
        """The test says what matters."""


@contextmanager
def troubled(engine: str) -> Iterator[TroubledEngine]:
    server = TroubledEngine(engine)
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()
