"""The least that receiving, hashing and writing can cost in Python: two processes, a thread a connection, no HTTP.

Run as ``python -m benchmarks.bound PORT FILE``. A client sends offset and size on a line and the bytes, and is answered
one byte once they are hashed and written to their place.
"""

from __future__ import annotations

import hashlib
import os
import socket
import sys
import threading

from .servers import HOST

BLOCK = 256 * 1024
PROCESSES = 2


def main() -> None:
    port, path = int(sys.argv[1]), sys.argv[2]
    fd = os.open(path, os.O_RDWR | os.O_CREAT)
    listener = socket.create_server((HOST, port), backlog=64)
    if any(os.fork() == 0 for _ in range(PROCESSES)):
        while True:
            connection, _ = listener.accept()
            threading.Thread(target=serve, args=(connection, fd), daemon=True).start()
    os.wait()


def serve(connection: socket.socket, fd: int) -> None:
    block = memoryview(bytearray(BLOCK))
    reader = connection.makefile("rb", buffering=0)
    while line := reader.readline():
        offset, size = map(int, line.split())
        digest = hashlib.sha256()
        while size:
            count = connection.recv_into(block[: min(size, BLOCK)])
            if not count:
                return
            digest.update(block[:count])
            os.pwrite(fd, block[:count], offset)
            offset, size = offset + count, size - count
        digest.digest()
        connection.sendall(b".")


if __name__ == "__main__":
    main()
