"""A lean HTTP/1.1 client on raw sockets: the load generator shares the machine, so it must cost little."""

from __future__ import annotations

import socket
from collections.abc import Iterable, Mapping


class Connection:
    """One keep-alive connection."""

    def __init__(self, host: str, port: int) -> None:
        self._host = f"{host}:{port}"
        self._socket = socket.create_connection((host, port))
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._unread = b""

    def request(
        self, method: str, path: str, body: bytes | memoryview = b"", headers: Mapping[str, str] | None = None
    ) -> tuple[int, dict[str, str], bytes]:
        """Send a request; returns status, headers (lower-case names) and body."""
        return self.request_in_parts(method, path, len(body), [body] if body else [], headers)

    def request_in_parts(
        self,
        method: str,
        path: str,
        size: int,
        parts: Iterable[bytes | memoryview],
        headers: Mapping[str, str] | None = None,
    ) -> tuple[int, dict[str, str], bytes]:
        """As :meth:`request`, with a body of ``size`` bytes that is never whole in memory."""
        self.begin(method, path, size, headers)
        for part in parts:
            self._socket.sendall(part)
        return self._answer(method)

    def begin(
        self, method: str, path: str, size: int, headers: Mapping[str, str] | None = None, start: bytes = b""
    ) -> None:
        """Send the head of a request, and the first bytes of its body."""
        lines = [f"{method} {path} HTTP/1.1", f"Host: {self._host}", f"Content-Length: {size}"]
        lines += [f"{name}: {value}" for name, value in (headers or {}).items()]
        self._socket.sendall("\r\n".join([*lines, "", ""]).encode() + start)

    def _answer(self, method: str) -> tuple[int, dict[str, str], bytes]:
        while b"\r\n\r\n" not in self._unread:
            self._receive()
        head, _, self._unread = self._unread.partition(b"\r\n\r\n")
        first, *rest = head.decode("latin-1").split("\r\n")
        status = int(first.split(" ")[1])
        headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in rest)}
        if status == 100:
            return self._answer(method)
        if headers.get("transfer-encoding") == "chunked":
            return status, headers, self._chunked_body()
        size = 0 if method == "HEAD" or status in (204, 304) else int(headers.get("content-length", 0))
        while len(self._unread) < size:
            self._receive()
        body, self._unread = self._unread[:size], self._unread[size:]
        return status, headers, body

    def _chunked_body(self) -> bytes:
        while not self._unread.endswith(b"0\r\n\r\n"):
            self._receive()
        body, self._unread = self._unread, b""
        return body

    def _receive(self) -> None:
        data = self._socket.recv(65536)
        if not data:
            raise ConnectionError("the server closed the connection")
        self._unread += data

    def close(self) -> None:
        self._socket.close()
