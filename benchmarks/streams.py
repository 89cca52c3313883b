"""tus uploads as one long request each: how fast one is, and what thousands of slow ones cost."""

from __future__ import annotations

import socket
import time

from .load import MIB, Payload
from .servers import HOST, Server, resident_bytes
from .slow import SlowResult, beside_a_crowd
from .wire import Connection

TUS = {"Tus-Resumable": "1.0.0"}
_PATCH = {**TUS, "Content-Type": "application/offset+octet-stream", "Upload-Offset": "0"}


def one_stream(server: Server, payload: Payload, *, ends: bool) -> float:
    """All bytes in one PATCH to a new upload; returns seconds to its answer.

    Args:
        ends: whether they are the last ones, so that the answer is the verdict; or one byte is left to come.
    """
    connection = Connection(HOST, server.port)
    path = _create(server, connection, payload.size + (not ends))
    started = time.perf_counter()
    parts = (payload.chunk(index) for index in range(payload.chunks))
    status, _, body = connection.request_in_parts("PATCH", path, payload.size, parts, _headers(server, _PATCH))
    if status != 204:
        raise RuntimeError(f"{status} {body!r}")
    seconds = time.perf_counter() - started
    connection.close()
    return seconds


def idle_streams(server: Server, streams: int) -> float:
    """Bytes of memory for each of so many PATCHes that have begun to arrive and then are silent."""
    paths = _create_many(server, streams)
    before = resident_bytes(server.pid)
    connections = [Connection(HOST, server.port) for _ in paths]
    for connection, path in zip(connections, paths, strict=True):
        connection.begin("PATCH", path, MIB, _headers(server, _PATCH), bytes(1000))
    time.sleep(3)
    after = resident_bytes(server.pid)
    for connection in connections:
        connection.close()
    return (after - before) / streams


def idle_connections(server: Server, count: int) -> float:
    """Bytes of memory for each of so many connections that had one answer and wait for their next request."""
    request = f"OPTIONS {server.files} HTTP/1.1\r\nHost: {HOST}\r\n\r\n".encode()

    def ask() -> socket.socket:
        connection = socket.create_connection((HOST, server.port))
        connection.sendall(request)
        assert connection.recv(16).startswith(b"HTTP/1.1 2")
        return connection

    connections = [ask() for _ in range(200)]
    before = resident_bytes(server.pid)
    connections += [ask() for _ in range(count)]
    after = resident_bytes(server.pid)
    for connection in connections:
        connection.close()
    return (after - before) / count


def with_slow_streams(server: Server, clients: int, seconds: float) -> SlowResult:
    """As ``slow.with_slow_clients``, each client an upload of its own by one PATCH."""
    fields = {"Host": HOST, "Content-Length": str(MIB), **_headers(server, _PATCH)}
    rest = "".join(f"{name}: {value}\r\n" for name, value in fields.items())
    heads = [f"PATCH {path} HTTP/1.1\r\n{rest}\r\n" for path in _create_many(server, clients)]
    return beside_a_crowd(server, heads, seconds)


def _create_many(server: Server, count: int) -> list[str]:
    connection = Connection(HOST, server.port)
    paths = [_create(server, connection, MIB) for _ in range(count)]
    connection.close()
    return paths


def _create(server: Server, connection: Connection, size: int) -> str:
    address = server.files
    status, headers, body = connection.request(
        "POST", address, b"", _headers(server, {**TUS, "Upload-Length": str(size)})
    )
    if status != 201:
        raise RuntimeError(f"{status} {body!r}")
    location = headers["location"]
    return location if location.startswith("/") else "/" + location.split("/", 3)[3]


def _headers(server: Server, headers: dict[str, str]) -> dict[str, str]:
    return {**headers, "Authorization": f"Bearer {server.token}"} if server.token else headers
