"""Thousands of slow clients at once, and what a fast one notices of them."""

from __future__ import annotations

import asyncio
import threading
import time
from dataclasses import dataclass

from .load import MIB, OursClient, Payload
from .servers import HOST, Server, resident_bytes
from .wire import Connection

RATE = 20_000
"""Bytes per second of one slow client."""


@dataclass(frozen=True)
class SlowResult:
    """What the server needed, and the latency of a fast client's requests in seconds."""

    clients: int
    memory_bytes: int
    idle_memory_bytes: int
    median: float
    p99: float


def with_slow_clients(server: Server, clients: int, seconds: float) -> SlowResult:
    """Keep ``clients`` uploads of ``RATE`` going while a fast client asks for a status again and again."""
    payload = Payload(bytes(MIB), MIB, clients)
    client = OursClient(server)
    upload_id = client.init(payload)
    heads = [
        f"PUT /api/v1/upload/chunk/{upload_id}/{index} HTTP/1.1\r\nHost: {HOST}\r\n"
        f"Authorization: Bearer {server.token}\r\nContent-Length: {MIB}\r\n\r\n".encode()
        for index in range(clients)
    ]
    return beside_a_crowd(server, heads, seconds)


def _measured(server: Server, clients: int, idle: int, seconds: float) -> SlowResult:
    """The most memory that is seen meanwhile; ``idle`` bytes were in use before the crowd came."""
    latencies, memory = _measure(server, seconds)
    latencies.sort()
    return SlowResult(
        clients,
        memory,
        idle,
        latencies[len(latencies) // 2],
        latencies[min(len(latencies) * 99 // 100, len(latencies) - 1)],
    )


def _measure(server: Server, seconds: float) -> tuple[list[float], int]:
    """A fast client sends small chunks of an upload of its own; memory is the most seen meanwhile."""
    fast = OursClient(server)
    payload = Payload(bytes(64 * 1024), 64 * 1024, 10_000)
    fast_id = fast.init(payload)
    connection = Connection(HOST, server.port)
    headers = {"Authorization": f"Bearer {server.token}"}
    latencies: list[float] = []
    memory = 0
    until = time.monotonic() + seconds
    index = 0
    while time.monotonic() < until:
        started = time.perf_counter()
        status, _, body = connection.request(
            "PUT", f"/api/v1/upload/chunk/{fast_id}/{index}", payload.chunk(index), headers
        )
        latencies.append(time.perf_counter() - started)
        if status != 200:
            raise RuntimeError(f"{status} {body!r}")
        index += 1
        if index % 50 == 0:
            memory = max(memory, resident_bytes(server.pid))
        time.sleep(0.01)
    return latencies, memory


def beside_a_crowd(server: Server, heads: list[bytes], seconds: float) -> SlowResult:
    """What a fast client notices of a crowd, each of whom begins with one of the heads, of a body of 1 MiB."""
    idle = resident_bytes(server.pid)
    stop, ready = threading.Event(), threading.Event()
    crowd = threading.Thread(target=lambda: asyncio.run(_crowd(server, heads, stop, ready)))
    crowd.start()
    ready.wait(120)
    time.sleep(3)
    result = _measured(server, len(heads), idle, seconds)
    stop.set()
    crowd.join()
    return result


async def _crowd(server: Server, heads: list[bytes], stop: threading.Event, ready: threading.Event) -> None:
    block = bytes(RATE // 2)
    writers = []
    for head in heads:
        _, writer = await asyncio.open_connection(HOST, server.port)
        writer.write(head)
        writers.append(writer)
    ready.set()
    sent = 0
    while not stop.is_set() and sent + len(block) < MIB:
        started = time.monotonic()
        for number, writer in enumerate(writers):
            writer.write(block)
            if number % 100 == 0:
                await asyncio.sleep(0.5 * number / len(heads) - (time.monotonic() - started))
        sent += len(block)
        await asyncio.sleep(max(0.0, 0.5 - (time.monotonic() - started)))
    for writer in writers:
        writer.close()
