"""What a GiB costs a server: seconds of processor, user and system apart, of all its processes, and the rate.

Each round measures every server once, over four connections. The bound is what receiving, hashing and writing cost a
bare loop. The peers neither hash nor record, but for copyparty, which does both.
"""

from __future__ import annotations

import base64
import hashlib
import json
import os
import shutil
import socket
import statistics
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from . import servers
from .load import MIB, OursClient, Payload, dav_puts, in_parallel, tus_patches
from .servers import HOST, Server
from .wire import Connection

CONNECTIONS = 4
GIB = 1024 * MIB
TOUCHED = 8 * GIB


@dataclass(frozen=True)
class Cost:
    """Seconds of processor per GiB, and MB/s."""

    user: float
    system: float
    rate: float

    @property
    def total(self) -> float:
        return self.user + self.system


Send = Callable[[Server], float]
"""Sends the payload; returns seconds."""


@dataclass(frozen=True)
class Case:
    """One way to one server. ``warm`` is sent before, and not counted."""

    name: str
    serve: Callable[[Path], AbstractContextManager[Server]]
    warm: Send
    send: Send
    size: int

    def measure(self, directory: Path) -> Cost:
        with self.serve(directory) as server:
            self.warm(server)
            user, system = servers.processor_seconds(server.pid)
            seconds = self.send(server)
            after = servers.processor_seconds(server.pid)
        gib = self.size / GIB
        return Cost((after[0] - user) / gib, (after[1] - system) / gib, self.size / 1e6 / seconds)


def touch_memory(directory: Path) -> None:
    """The first use of a page on a virtual machine costs more than everything that is measured here, and some take
    unused pages away again after a while."""
    path, block = directory / "touched", bytes(16 * MIB)
    room = shutil.disk_usage(directory).free - GIB
    with path.open("wb") as file:
        for _ in range(min(TOUCHED, room) // len(block)):
            file.write(block)
    path.unlink()


def cases(megabytes: int) -> list[Case]:
    """Those whose servers are installed."""
    pool = os.urandom(64 * MIB)
    small, big = Payload(pool, MIB, megabytes), Payload(pool, 8 * MIB, max(megabytes // 8, CONNECTIONS))
    found = [
        _case("the bound, 8 MiB", servers.bound, _to_bound, big),
        _case("the bound, 1 MiB", servers.bound, _to_bound, small),
    ]
    for kind, name in (("asgi", "ours"), ("wsgi", "ours under gunicorn")):
        serve = partial(servers.ours, server=kind)
        found += [_case(f"{name}, raw 8 MiB", serve, _raw, big), _case(f"{name}, raw 1 MiB", serve, _raw, small)]
    found.append(_case("ours, JSON 1 MiB", servers.ours, _json, small))
    if os.environ.get("COPYPARTY"):
        # It stores chunks with the same bytes once.
        different = Payload(os.urandom(min(megabytes, 256) * MIB), MIB, min(megabytes, 256))
        found.append(_case("copyparty, up2k 1 MiB", servers.copyparty, up2k, different))
    if os.environ.get("TUSD") or shutil.which("tusd"):
        found.append(_case("tusd, PATCH of 8 MiB", servers.tusd, _tus, big))
    if os.environ.get("TUS_NODE_MODULES"):
        found.append(_case("@tus/server, PATCH of 8 MiB", servers.tus_node, _tus, big))
    if shutil.which("nginx"):
        found.append(_case("nginx, PUT of 8 MiB", servers.nginx, _dav, big))
    return found


def _case(
    name: str,
    serve: Callable[[Path], AbstractContextManager[Server]],
    send: Callable[[Server, Payload], float],
    payload: Payload,
) -> Case:
    assert payload.digests  # Computed now, and not while it is measured.
    warm = Payload(payload.pool, payload.chunk_size, max(16 * MIB // payload.chunk_size, CONNECTIONS))
    return Case(name, serve, lambda server: send(server, warm), lambda server: send(server, payload), payload.size)


def _raw(server: Server, payload: Payload) -> float:
    client = OursClient(server)
    return client.send_raw(client.init(payload), payload, CONNECTIONS)


def _json(server: Server, payload: Payload) -> float:
    client = OursClient(server)
    assert payload.json_bodies
    return client.send_json(client.init(payload), payload, CONNECTIONS)


def _tus(server: Server, payload: Payload) -> float:
    return tus_patches(server, payload, CONNECTIONS)


def _dav(server: Server, payload: Payload) -> float:
    return dav_puts(server, payload, CONNECTIONS, run=payload.chunks)


def _to_bound(server: Server, payload: Payload) -> float:
    def work(number: int) -> None:
        with socket.create_connection((HOST, server.port)) as connection:
            for index in range(number, payload.chunks, CONNECTIONS):
                connection.sendall(f"{index * payload.chunk_size} {payload.chunk_size}\n".encode())
                connection.sendall(payload.chunk(index))
                assert connection.recv(1)

    return in_parallel(CONNECTIONS, work)


def up2k(server: Server, payload: Payload) -> float:
    """copyparty's own protocol: the digests of all chunks first, then each chunk by its own."""
    digests = [
        base64.urlsafe_b64encode(hashlib.sha512(payload.chunk(index)).digest()[:33]).decode()
        for index in range(payload.chunks)
    ]
    first = Connection(HOST, server.port)
    name = f"bench-{payload.chunks}.bin"
    handshake = {"name": name, "size": payload.size, "lmod": 1_700_000_000, "life": 0, "hash": digests}
    status, _, body = first.request("POST", "/", json.dumps(handshake).encode(), {"Content-Type": "text/plain"})
    if status != 200:
        raise RuntimeError(f"{status} {body!r}")
    wark = json.loads(body)["wark"]

    def work(number: int) -> None:
        connection = Connection(HOST, server.port)
        for index in range(number, payload.chunks, CONNECTIONS):
            headers = {"X-Up2k-Hash": digests[index], "X-Up2k-Wark": wark, "Content-Type": "application/octet-stream"}
            status, _, body = connection.request("POST", "/", payload.chunk(index), headers)
            if status != 200:
                raise RuntimeError(f"{status} {body!r}")
        connection.close()

    return in_parallel(CONNECTIONS, work)


def table(measured: dict[str, list[Cost]]) -> str:
    """Medians, with the bound of the same chunk size as 1."""
    lines = [
        "| case | user s/GiB | system s/GiB | MB/s | processor, bound = 1 | rate, bound = 1 |",
        "|---|---:|---:|---:|---:|---:|",
    ]
    for name, costs in measured.items():
        user, system, rate, total = (
            statistics.median(getattr(cost, key) for cost in costs) for key in ("user", "system", "rate", "total")
        )
        bound = measured["the bound, 8 MiB" if "8 MiB" in name else "the bound, 1 MiB"]
        of_total = total / statistics.median(cost.total for cost in bound)
        of_rate = rate / statistics.median(cost.rate for cost in bound)
        lines.append(f"| {name} | {user:.2f} | {system:.2f} | {rate:.0f} | {of_total:.2f} | {of_rate:.2f} |")
    return "\n".join(lines)
