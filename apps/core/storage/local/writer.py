"""How one request's bytes of one chunk reach the part file of the local store."""

from __future__ import annotations

import os
import secrets
from functools import cached_property
from typing import BinaryIO
from uuid import UUID

from ...conf import MIB, upload_settings
from ...grid import Span
from ...memory import memory_budget
from ..errors import StagingMissing, WriterSuperseded, storage_errors
from .claims import COMMITTED, ENTRY_SIZE, FREE, PARTIAL, ClaimEntry
from .staging import Staging

BLOCK = MIB


def pwrite_all(fd: int, data: bytes, offset: int) -> None:
    """Write all of ``data`` at ``offset``; a single ``pwrite`` may stop early."""
    view = memoryview(data)
    while view:
        written = os.pwrite(fd, view, offset)
        view = view[written:]
        offset += written


class LocalWriter:
    """One sender of one chunk.

    Up to one block stays in memory until it is committed. A chunk that is larger, or a process that is short of memory,
    writes in place if nobody else does (it *claims* the chunk), else to an unnamed spool file that is copied into place
    if this sender is the first to commit.
    """

    def __init__(self, staging: Staging, upload_id: UUID, span: Span, *, start: int, supersede: bool) -> None:
        self._staging = staging
        self._upload_id = upload_id
        self._span = span
        self._supersede = supersede
        self._start = start
        self._written = start
        self._held: list[bytes] = []
        self._held_bytes = 0
        self._claimed = False
        self._superseded = False
        self._spool: BinaryIO | None = None

    @cached_property
    def _token(self) -> bytes:
        return secrets.token_bytes(ENTRY_SIZE)

    def write(self, block: bytes) -> None:
        self._held.append(block)
        self._held_bytes += len(block)
        memory_budget.take(len(block))
        if self._written + self._held_bytes == self._span.size:
            return  # Committed next: one write, no claim.
        if self._held_bytes >= BLOCK or memory_budget.exhausted(upload_settings().receive_buffer_bytes):
            self._write_out()

    def commit(self, entry: ClaimEntry) -> str:
        self._place(entry)
        entry.write(COMMITTED)
        return ""

    def commit_partial(self, entry: ClaimEntry) -> None:
        self._place(entry)
        entry.write(PARTIAL)

    def discard(self) -> None:
        self._take_held()
        self._close_spool()
        if not self._claimed:
            return
        self._claimed = False
        try:
            with self._staging.exclusive(self._upload_id, self._span.index) as entry:
                if entry.read() == self._token:
                    entry.write(FREE)
        except StagingMissing:
            return

    def _write_out(self) -> None:
        if self._superseded:
            self._take_held()
        elif self._spool is not None:
            self._append_to_spool()
        else:
            try:
                self._write_in_place_or_spool()
            except StagingMissing:
                # Ended meanwhile. What is still to come can only be compared with what was recorded.
                self._superseded = True
                self._take_held()

    def _write_in_place_or_spool(self) -> None:
        with self._staging.exclusive(self._upload_id, self._span.index) as entry:
            owner = entry.read()
            if self._claimed and owner != self._token:
                self._superseded = True
                self._take_held()
                return
            # Committed bytes are never written over in place, not even by the newest request.
            if self._claimed or owner == FREE or (self._supersede and owner != COMMITTED):
                if not self._claimed:
                    entry.write(self._token)
                    self._claimed = True
                self._write_held_in_place()
                return
        self._spool = self._staging.spool()
        self._append_to_spool()

    def _place(self, entry: ClaimEntry) -> None:
        if self._superseded or (self._claimed and entry.read() != self._token):
            raise WriterSuperseded
        self._write_held_in_place()
        self._claimed = False

    def _write_held_in_place(self) -> None:
        with storage_errors():
            fd = self._staging.open(self._upload_id, "part", os.O_WRONLY)
            try:
                self._copy_spool_to(fd)
                data = self._take_held()
                pwrite_all(fd, data, self._span.offset + self._written)
                self._written += len(data)
                if upload_settings().sync_chunks:
                    os.fdatasync(fd)
            finally:
                os.close(fd)

    def _append_to_spool(self) -> None:
        assert self._spool is not None
        with storage_errors():
            position = self._written - self._start
            data = self._take_held()
            pwrite_all(self._spool.fileno(), data, position)
            self._written += len(data)

    def _copy_spool_to(self, fd: int) -> None:
        if self._spool is None:
            return
        self._spool.seek(0)
        offset = self._span.offset + self._start
        while block := self._spool.read(BLOCK):
            pwrite_all(fd, block, offset)
            offset += len(block)
        self._close_spool()

    def _close_spool(self) -> None:
        if self._spool is not None:
            self._spool.close()
            self._spool = None

    def _take_held(self) -> bytes:
        """What is held in memory, which is then no longer held."""
        data = self._held[0] if len(self._held) == 1 else b"".join(self._held)
        memory_budget.release(self._held_bytes)
        self._held = []
        self._held_bytes = 0
        return data
