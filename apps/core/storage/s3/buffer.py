"""The bytes of a part while it arrives: in memory if they come fast, else on disk, both bounded for the process.

A part must be whole before it can be sent on, because its SHA-256 is signed. Memory is lent to what arrives fast, for
as long as it does: a sender that turns slow or silent has its bytes on disk, and thousands of them cost disk alone.
What lies on disk has no name, and is gone with the process.
"""

from __future__ import annotations

import logging
import os
import tempfile
import time
from typing import Any, BinaryIO

from ...conf import MIB, PACKAGE
from ...errors import Unavailable
from ...memory import MemoryBudget
from ...troubles import translated
from ..disk import pwrite_all, require_free
from ..errors import storage_errors

logger = logging.getLogger(f"{PACKAGE}.storage.s3")

FAST_RATE = MIB
"""Bytes per second. Who sends slower for :data:`GRACE` seconds goes to disk."""
GRACE = 2.0
SMALL = MIB
"""Up to here a part gets the memory that its bytes take, and then what it will take as a whole."""


class Spool:
    """Memory and disk that one process lends to parts.

    Args:
        directory: where files without a name are made.
        most_memory, most_disk: bytes.
    """

    def __init__(self, directory: str, *, most_memory: int, most_disk: int) -> None:
        self.directory = directory
        self.most_memory = most_memory
        self.memory = MemoryBudget()
        self._most_disk = most_disk
        self._disk = MemoryBudget()

    def take_disk(self, size: int) -> None:
        """
        Raises:
            Unavailable: others have all of it.
            StorageFull: the disk has less free than the ``min_free_disk_bytes`` setting.
        """
        require_free(os.statvfs(self.directory), size)
        if not self._disk.try_take(size, self._most_disk):
            raise Unavailable("The server holds as many bytes of slow senders as it may; try again in a moment.")

    def new_file(self) -> BinaryIO:
        """An empty file without a name, to be closed.

        Raises:
            StorageFull, Unavailable: it cannot be made.
        """
        try:
            with translated():
                return tempfile.TemporaryFile(dir=self.directory, buffering=0)
        except FileNotFoundError as error:
            logger.error("the spool %s of slow senders is gone", self.directory)
            raise Unavailable("The server has no place for bytes of slow senders at the moment.") from error

    def release_disk(self, size: int) -> None:
        self._disk.release(size)


class PartBuffer:
    """Bytes of one part, or of what is still to come of one.

    Args:
        expected: how many there will be, if all of them come. Memory that grows step by step takes half as much again.
    """

    def __init__(self, spool: Spool, expected: int) -> None:
        self._spool = spool
        self._expected = expected
        self._memory = bytearray()
        self._lent = 0
        self._file: BinaryIO | None = None
        self._on_disk = 0
        self._is_closed = False
        self._begun_at = time.monotonic()
        self.size = 0

    def append(self, block: bytes | bytearray | memoryview) -> None:
        """Take the next bytes, all of them or none.

        Raises:
            StorageFull, Unavailable: there is no room.
        """
        end = self.size + len(block)
        if self._file is None and (self._is_slow(end) or not self._borrow(end)):
            self.to_disk()
        if self._file is None:
            self._memory[self.size : end] = block
        else:
            self._write(self._file, block)
        self.size = end

    def _is_slow(self, end: int) -> bool:
        seconds = time.monotonic() - self._begun_at
        return seconds > GRACE and end < FAST_RATE * seconds

    def _borrow(self, end: int) -> bool:
        """Have memory for so many bytes: for all that are expected, once they look like it. False if there is none."""
        wanted = end if end <= SMALL else max(end, self._expected)
        if wanted <= self._lent:
            return True
        if not self._spool.memory.try_take(wanted - self._lent, self._spool.most_memory):
            return False
        self._lent = wanted
        grown = bytearray(wanted)
        grown[: self.size] = memoryview(self._memory)[: self.size]
        self._memory = grown
        return True

    def to_disk(self) -> None:
        """Leave nothing in memory.

        Raises:
            StorageFull, Unavailable: there is no room; nothing changed.
        """
        if self._file is not None or self._is_closed:
            return
        file: Any = self._spool.new_file()
        try:
            self._write(file, memoryview(self._memory)[: self.size])
        except BaseException:
            file.close()
            raise
        self._file = file
        self._forget_memory()

    def _write(self, file: BinaryIO, block: bytes | bytearray | memoryview) -> None:
        size = len(block)
        self._spool.take_disk(size)
        try:
            with storage_errors():
                pwrite_all(file.fileno(), [block], self._on_disk)
        except BaseException:
            self._spool.release_disk(size)
            os.ftruncate(file.fileno(), self._on_disk)
            raise
        self._on_disk += size

    def body(self) -> bytearray | BinaryIO:
        """What was taken, to be sent: as it lies in memory, or as a file at its start."""
        if self._file is None:
            del self._memory[self.size :]
            return self._memory
        self._file.seek(0)
        return self._file

    def append_all(self, other: PartBuffer) -> None:
        """Take what another buffer has."""
        source = other.body()
        if isinstance(source, bytearray):
            self.append(source)
            return
        while block := source.read(MIB):
            self.append(block)

    def close(self) -> None:
        """Give everything back. Safe to call any number of times."""
        self._is_closed = True
        self._forget_memory()
        if self._file is not None:
            self._file.close()
            self._file = None
        self._spool.release_disk(self._on_disk)
        self._on_disk = 0

    def _forget_memory(self) -> None:
        self._spool.memory.release(self._lent)
        self._lent = 0
        self._memory = bytearray()
