"""Who may write a chunk in place: one 16-byte entry per chunk in a file beside the staged bytes.

Chunks are written at their final offset, so two senders of one chunk would write over each other. An entry says who
writes there: nobody yet, one writer (its token), or nobody any more (settled). It is read and changed under a lock on
just these 16 bytes, held for a few system calls. Open-file-description locks exclude threads and processes alike and
vanish with a killed process.
"""

from __future__ import annotations

import errno
import fcntl
import os
import struct
from collections.abc import Iterator
from contextlib import contextmanager

ENTRY_SIZE = 16
FREE = bytes(ENTRY_SIZE)
SETTLED = b"settled".ljust(ENTRY_SIZE, b"\0")
KEPT = b"kept".ljust(ENTRY_SIZE, b"\0")

# struct flock: type, whence, start, length, pid (which must be 0 for open-file-description locks).
_FLOCK = struct.Struct("@hhqqi")
_OFD_SETLKW = getattr(fcntl, "F_OFD_SETLKW", None)


class ClaimEntry:
    """The entry of one chunk, locked."""

    def __init__(self, fd: int, position: int) -> None:
        self._fd = fd
        self._position = position

    def read(self) -> bytes:
        return os.pread(self._fd, ENTRY_SIZE, self._position).ljust(ENTRY_SIZE, b"\0")

    @property
    def is_untouched(self) -> bool:
        return self.read() == FREE

    def write(self, token: bytes) -> None:
        os.pwrite(self._fd, token, self._position)


def _lock(fd: int, start: int, length: int) -> None:
    if _OFD_SETLKW is None:  # Not Linux: one lock for all chunks of the upload.
        fcntl.flock(fd, fcntl.LOCK_EX)
        return
    request = _FLOCK.pack(fcntl.F_WRLCK, os.SEEK_SET, start, length, 0)
    while True:
        try:
            fcntl.fcntl(fd, _OFD_SETLKW, request)
            return
        except OSError as error:
            # The kernel can see a deadlock where there is none: these locks belong to files, not processes.
            if error.errno != errno.EDEADLK:
                raise


@contextmanager
def locked_entry(fd: int, index: int) -> Iterator[ClaimEntry]:
    """Lock the entry of chunk ``index`` in the open claims file ``fd``; closes ``fd``, which ends the lock."""
    try:
        _lock(fd, index * ENTRY_SIZE, ENTRY_SIZE)
        yield ClaimEntry(fd, index * ENTRY_SIZE)
    finally:
        os.close(fd)


@contextmanager
def locked_whole(fd: int) -> Iterator[None]:
    """Lock all entries of the open claims file ``fd``; closes ``fd``, which ends the lock."""
    try:
        _lock(fd, 0, 0)
        yield
    finally:
        os.close(fd)
