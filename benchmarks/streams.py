"""tus uploads as one long request each: how fast one is, and what thousands of slow ones cost."""

from __future__ import annotations

import asyncio
import threading
import time

from .load import MIB, Payload
from .servers import HOST, Server, resident_bytes
from .slow import RATE, SlowResult, measured_beside
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


def with_slow_streams(server: Server, clients: int, seconds: float) -> SlowResult:
    """As ``slow.with_slow_clients``, each client an upload of its own by one PATCH."""
    paths = _create_many(server, clients)
    idle = resident_bytes(server.pid)
    stop, ready = threading.Event(), threading.Event()
    crowd = threading.Thread(target=lambda: asyncio.run(_crowd(server, paths, stop, ready)))
    crowd.start()
    ready.wait(120)
    time.sleep(3)
    result = measured_beside(server, clients, idle, seconds)
    stop.set()
    crowd.join()
    return result


async def _crowd(server: Server, paths: list[str], stop: threading.Event, ready: threading.Event) -> None:
    block = bytes(RATE // 2)
    writers = []
    for path in paths:
        _, writer = await asyncio.open_connection(HOST, server.port)
        fields = {"Host": HOST, "Content-Length": str(MIB), **_headers(server, _PATCH)}
        lines = [f"PATCH {path} HTTP/1.1", *(f"{name}: {value}" for name, value in fields.items()), "", ""]
        writer.write("\r\n".join(lines).encode())
        writers.append(writer)
    ready.set()
    sent = 0
    while not stop.is_set() and sent + len(block) < MIB:
        started = time.monotonic()
        for number, writer in enumerate(writers):
            writer.write(block)
            if number % 100 == 0:
                await asyncio.sleep(0.5 * number / len(writers) - (time.monotonic() - started))
        sent += len(block)
        await asyncio.sleep(max(0.0, 0.5 - (time.monotonic() - started)))
    for writer in writers:
        writer.close()


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
