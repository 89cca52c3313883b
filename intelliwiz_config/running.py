"""Whether a server is running: nothing may be touched that another one is at work with.

A server holds a lock on a file in its DATA_DIR as long as it lives; the kernel releases it, however it ends.
"""

from __future__ import annotations

import errno
import fcntl
import os
import socket
import sys
import time
from collections.abc import Callable
from pathlib import Path

from .paths import make_private_directory

LOCK = "server.lock"
GRACE = 3.0
"""Seconds that a server which was just killed or stopped may take to be gone."""


def require_free_port(host: str, port: int) -> None:
    """End the process with a clear message if something listens there."""
    if port and not _comes_true(lambda: _is_free(host, port)):
        sys.exit(f"Something listens on {host}:{port} already. Stop it, or set PORT.")


def _is_free(host: str, port: int) -> bool:
    """Whether it can be bound. A connection says less: a killed server that is not gone yet may answer none."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        with socket.socket(family, socket.SOCK_STREAM) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind((host, port))
    except OSError as error:
        return error.errno != errno.EADDRINUSE  # What else is wrong says the server, when it binds.
    return True


def is_listening(host: str, port: int) -> bool:
    address = "127.0.0.1" if host in ("0.0.0.0", "") else "::1" if host == "::" else host  # noqa: S104
    try:
        with socket.create_connection((address, port), timeout=1):
            return True
    except OSError:
        return False


def lock_data_directory(directory: Path) -> None:
    """Hold the directory until the process, or the server that it becomes, ends; or end it with a clear message."""
    held: list[int] = []

    def lock() -> bool:
        fd = _try_lock(directory)
        held.extend([] if fd is None else [fd])
        return fd is not None

    try:
        if not _comes_true(lock):
            sys.exit(f"Another server is running with {directory}. Stop it, or set DATA_DIR.")
    except OSError as error:
        sys.exit(f"DATA_DIR cannot be used: {error}")
    os.set_inheritable(held[0], True)


def _comes_true(condition: Callable[[], bool]) -> bool:
    deadline = time.monotonic() + GRACE
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.1)
    return True


def is_data_directory_locked(directory: Path) -> bool:
    """Whether a server is running with it."""
    if not (directory / LOCK).exists():
        return False
    fd = _try_lock(directory)
    if fd is None:
        return True
    os.close(fd)
    return False


def _try_lock(directory: Path) -> int | None:
    make_private_directory(directory)
    fd = os.open(directory / LOCK, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(fd)
        return None
    return fd
