"""Thousands of slow clients, in a process of their own: ``python -m benchmarks.crowd PORT``.

Reads requests as JSON from standard input, a list of heads of bodies of 1 MiB, begins each on a connection of its own,
and says so on a line. Then it sends ``WRITE`` bytes on each, ``RATE`` bytes a second, spread over time, until
standard input ends; and prints what it reached, as JSON. A write that a socket does not take is left out: that client
is slower then.
"""

from __future__ import annotations

import json
import random
import resource
import select
import socket
import sys
import time

from .load import KIB, MIB
from .servers import HOST

RATE = 20_000
"""Bytes per second of one slow client."""
WRITE = 2_000
"""Bytes."""
BATCHES = 50
"""A round of writes is spread over so many moments."""


def main() -> None:
    port = int(sys.argv[1])
    clients = []
    for head in json.loads(sys.stdin.readline()):
        client = socket.create_connection((HOST, port))
        # In lockstep all would fill their blocks at the same moment.
        client.sendall(head.encode() + bytes(random.randrange(64 * KIB)))
        client.setblocking(False)
        clients.append(client)
    print("ready", flush=True)
    began, used = time.monotonic(), _processor_seconds()
    sent = _send(clients, began)
    seconds = time.monotonic() - began
    print(
        json.dumps(
            {
                "rate": sent / seconds / len(clients),
                "processors": (_processor_seconds() - used) / seconds,
                "ended": [answer for client in clients if (answer := _answer(client)) is not None],
            }
        ),
        flush=True,
    )


def _send(clients: list[socket.socket], began: float) -> int:
    block, interval, total, moment = bytes(WRITE), WRITE / RATE, 0, 0
    most = (MIB - 64 * KIB) // WRITE * BATCHES
    while moment < most:
        wait = began + moment * interval / BATCHES - time.monotonic()
        if select.select([sys.stdin], [], [], max(wait, 0))[0]:
            break
        for client in clients[moment % BATCHES :: BATCHES]:
            try:
                total += client.send(block)
            except OSError:
                continue
        moment += 1
    return total


def _processor_seconds() -> float:
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime


def _answer(client: socket.socket) -> str | None:
    """What came of a request that ended early."""
    try:
        return client.recv(1000).decode()
    except BlockingIOError:
        return None
    except OSError as error:
        return str(error)


if __name__ == "__main__":
    main()
