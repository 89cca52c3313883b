"""Who may write a chunk in place: 16-byte entries in a file beside the staged bytes, one for each chunk.

Why claims
    Chunks are written at their final offset, so that completing copies nothing. Two senders of one chunk would then
    write over each other, and the ledger cannot tell them apart: a receipt says that *a* SHA-256 is stored here, not
    whose bytes are on the disk now. No lock can be held while a client sends (a client that stalls would hold it), so
    what is held instead is a note: the claim.

What an entry says
    ========= =============================================================== ============================
    FREE      nobody ever wrote here, or whoever did gave up                  may be claimed
    *token*   the writer with this token writes in place                      its own to write; may be superseded
    PARTIAL   the first bytes of the chunk are committed, the rest is to come may be claimed by who supersedes
    COMMITTED the bytes are recorded, or were about to be                     may be claimed if they are not recorded
    ========= =============================================================== ============================

How it is used
    An entry is read and changed under a lock on just these 16 bytes, held for a few system calls, never while waiting
    for the network. **The ledger decides, not the entry**: a claims file can be lost, or emptied by a power failure,
    and a chunk that is recorded must not change even then. So who claims an entry asks, under the lock, whether the
    chunk is recorded (``WriteGuard.may_write``), and if so keeps nothing of what it is sent: it can only be compared.
    An entry says no more than who may write until then.

    Each write in place first checks, under the lock, that the entry still has the writer's own token, so a superseded
    writer cannot change a byte: not even with data it had received before. Who finds a chunk claimed by somebody else
    spools to an unnamed file; who commits first, under the lock and after asking the ledger, wins, and the other one
    only compares digests. A token whose writer was killed is just a token: it blocks nobody, because spooling is always
    possible and a sequential sender supersedes it.

    The receipt is written inside the same exclusive section as the last bytes, so nobody can see COMMITTED without
    finding the receipt, unless the process died in between; then the ledger, not the claim, decides, and the chunk is
    sent again.

The locks
    The first entry is no chunk's: it is the *seal*, the token of the assembly that may move the bytes. Open-file-
    description locks exclude threads and processes alike and vanish with a killed process. Sealing an upload
    takes the lock on all entries for an instant: whoever was inside an exclusive section is done by then.
"""

from __future__ import annotations

import errno
import fcntl
import os
import struct
from collections.abc import Iterator
from contextlib import contextmanager

from ..errors import storage_errors

ENTRY_SIZE = 16
SEAL, FIRST = 0, 1
FREE = bytes(ENTRY_SIZE)
COMMITTED = b"committed".ljust(ENTRY_SIZE, b"\0")
PARTIAL = b"partial".ljust(ENTRY_SIZE, b"\0")

# struct flock: type, whence, start, length, pid (which must be 0 for open-file-description locks).
_FLOCK = struct.Struct("@hhqqi")
_OFD_SETLKW = getattr(fcntl, "F_OFD_SETLKW", None)


class ClaimEntry:
    """One entry, locked."""

    def __init__(self, fd: int, position: int) -> None:
        self._fd = fd
        self._position = position

    def read(self) -> bytes:
        return os.pread(self._fd, ENTRY_SIZE, self._position).ljust(ENTRY_SIZE, b"\0")

    def write(self, token: bytes) -> None:
        with storage_errors():
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
        position = (FIRST + index) * ENTRY_SIZE
        _lock(fd, position, ENTRY_SIZE)
        yield ClaimEntry(fd, position)
    finally:
        os.close(fd)


@contextmanager
def locked_run(fd: int, first: int, count: int) -> Iterator[list[ClaimEntry]]:
    """Lock the entries of ``count`` chunks from ``first`` on, all in one step; closes ``fd``, which ends the lock."""
    try:
        start = (FIRST + first) * ENTRY_SIZE
        _lock(fd, start, count * ENTRY_SIZE)
        yield [ClaimEntry(fd, start + n * ENTRY_SIZE) for n in range(count)]
    finally:
        os.close(fd)


@contextmanager
def locked_whole(fd: int) -> Iterator[ClaimEntry]:
    """Lock all entries of the open claims file ``fd``, and give the seal; closes ``fd``, which ends the lock."""
    try:
        _lock(fd, 0, 0)
        yield ClaimEntry(fd, SEAL * ENTRY_SIZE)
    finally:
        os.close(fd)
