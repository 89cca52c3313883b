"""Requests written by hand, for what no client library would send."""

from __future__ import annotations

import socket
import struct
import threading
from collections.abc import Callable, Sequence
from typing import TypeVar

from .server import FaultServer

T = TypeVar("T")
Result = tuple[int, bytes]
"""Status and body of an answer; 0 when the connection ended without one."""


def connect(server: FaultServer, *, timeout: float = 20, receive_buffer: int | None = None) -> socket.socket:
    connection = socket.socket()
    connection.settimeout(timeout)
    if receive_buffer is not None:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
    connection.connect(("127.0.0.1", server.port))
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return connection


def head(
    server: FaultServer,
    method: str,
    path: str,
    *headers: str,
    length: int | None = None,
    token: str = "",
    version: str = "1.1",
) -> bytes:
    """The head of a request to the upload API."""
    lines = [
        f"{method} /api/v1/upload/{path} HTTP/{version}",
        "Host: 127.0.0.1",
        f"Authorization: Bearer {token or server.token}",
        *headers,
        *([] if length is None else [f"Content-Length: {length}"]),
    ]
    return "".join(f"{line}\r\n" for line in [*lines, ""]).encode()


def send(connection: socket.socket, data: bytes) -> None:
    """Send what the server is willing to take; it may answer, and close, before the end."""
    try:
        connection.sendall(data)
    except OSError:
        return


def answer(connection: socket.socket, rest: bytearray | None = None) -> Result:
    """The next answer.

    Args:
        rest: what came behind the answer before, and is left for the next call to take.
    """
    data = bytearray() if rest is None else rest
    try:
        while b"\r\n\r\n" not in data:
            if not (more := connection.recv(65536)):
                return 0, bytes(data)
            data += more
        lines, _, _ = bytes(data).partition(b"\r\n\r\n")
        end = len(lines) + 4 + _content_length(lines)
        while len(data) < end and (more := connection.recv(65536)):
            data += more
    except OSError:
        return 0, bytes(data)
    body = bytes(data[len(lines) + 4 : end])
    del data[:end]
    status = int(lines.split()[1])
    return answer(connection, data) if status == 100 else (status, body)


def _content_length(lines: bytes) -> int:
    for line in lines.split(b"\r\n"):
        name, _, value = line.partition(b":")
        if name.lower() == b"content-length":
            return int(value)
    return 0


def reset(connection: socket.socket) -> None:
    """Close with a reset instead of an orderly end."""
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    connection.close()


def together(functions: Sequence[Callable[[], T]]) -> list[T]:
    """Run all at one moment, as near as threads can; their results, in order.

    Raises:
        Exception: what one of them raised, once all have ended.
    """
    barrier = threading.Barrier(len(functions))
    results: dict[int, T] = {}
    errors: list[Exception] = []

    def work(number: int) -> None:
        barrier.wait()
        try:
            results[number] = functions[number]()
        except Exception as error:
            errors.append(error)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(len(functions))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if errors:
        raise errors[0]
    return [results[number] for number in range(len(functions))]
