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
    idle = resident_bytes(server.pid)
    stop = threading.Event()
    ready = threading.Event()
    crowd = threading.Thread(target=lambda: asyncio.run(_crowd(server, upload_id, clients, stop, ready)))
    crowd.start()
    ready.wait(120)
    time.sleep(3)
    result = measured_beside(server, clients, idle, seconds)
    stop.set()
    crowd.join()
    return result


def measured_beside(server: Server, clients: int, idle: int, seconds: float) -> SlowResult:
    """What a fast client notices while a crowd is at work, and the most memory that is seen meanwhile.

    Args:
        idle: bytes of memory before the crowd came.
    """
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


async def _crowd(server: Server, upload_id: str, clients: int, stop: threading.Event, ready: threading.Event) -> None:
    block = bytes(RATE // 2)
    writers = []
    for index in range(clients):
        _, writer = await asyncio.open_connection(HOST, server.port)
        writer.write(
            f"PUT /api/v1/upload/chunk/{upload_id}/{index} HTTP/1.1\r\nHost: {HOST}\r\n"
            f"Authorization: Bearer {server.token}\r\nContent-Length: {MIB}\r\n\r\n".encode()
        )
        writers.append(writer)
    ready.set()
    sent = 0
    while not stop.is_set() and sent + len(block) < MIB:
        started = time.monotonic()
        for number, writer in enumerate(writers):
            writer.write(block)
            if number % 100 == 0:
                await asyncio.sleep(0.5 * number / clients - (time.monotonic() - started))
        sent += len(block)
        await asyncio.sleep(max(0.0, 0.5 - (time.monotonic() - started)))
    for writer in writers:
        writer.close()
