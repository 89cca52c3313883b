"""Thousands of slow clients at once, and what a fast one notices of them."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from dataclasses import dataclass

from .load import MIB, OursClient, Payload
from .servers import HOST, PROJECT, Server, processor_seconds, resident_bytes
from .wire import Connection


@dataclass(frozen=True)
class SlowResult:
    """What the server needed, and the latency of a fast client's requests in seconds.

    ``rate`` is what the crowd reached, in bytes per second of each; ``crowd_processors`` what it took of the processors
    itself, of 1 each.
    """

    clients: int
    memory_bytes: int
    idle_memory_bytes: int
    median: float
    p99: float
    rate: float
    crowd_processors: float
    server_processors: float


def with_slow_clients(server: Server, clients: int, seconds: float) -> SlowResult:
    """Keep ``clients`` uploads of 20 KB/s going while a fast client sends small chunks."""
    payload = Payload(bytes(MIB), MIB, clients)
    client = OursClient(server)
    upload_id = client.init(payload)
    heads = [
        f"PUT /api/v1/upload/chunk/{upload_id}/{index} HTTP/1.1\r\nHost: {HOST}\r\n"
        f"Authorization: Bearer {server.token}\r\nContent-Length: {MIB}\r\n\r\n"
        for index in range(clients)
    ]
    return beside_a_crowd(server, heads, seconds)


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
        if index % 50 == 0:
            memory = max(memory, resident_bytes(server.pid))
        index += 1
        time.sleep(0.01)
    return latencies, memory


def beside_a_crowd(server: Server, heads: list[str], seconds: float) -> SlowResult:
    """What a fast client notices of a crowd, each of whom begins with one of the heads, of a body of 1 MiB."""
    idle = resident_bytes(server.pid)
    with subprocess.Popen(
        [sys.executable, "-m", "benchmarks.crowd", str(server.port)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        cwd=PROJECT,
    ) as crowd:
        assert crowd.stdin is not None
        assert crowd.stdout is not None
        crowd.stdin.write(json.dumps(heads) + "\n")
        crowd.stdin.flush()
        assert crowd.stdout.readline() == "ready\n"
        time.sleep(3)
        before, since = sum(processor_seconds(server.pid)), time.monotonic()
        latencies, memory = _measure(server, seconds)
        used = (sum(processor_seconds(server.pid)) - before) / (time.monotonic() - since)
        crowd.stdin.close()
        reached = json.loads(crowd.stdout.readline())
    if ended := reached["ended"]:
        raise RuntimeError(f"of {len(heads)} requests {len(ended)} ended early, one with {ended[0]!r}")
    latencies.sort()
    return SlowResult(
        clients=len(heads),
        memory_bytes=memory,
        idle_memory_bytes=idle,
        median=latencies[len(latencies) // 2],
        p99=latencies[min(len(latencies) * 99 // 100, len(latencies) - 1)],
        rate=reached["rate"],
        crowd_processors=reached["processors"],
        server_processors=used,
    )
