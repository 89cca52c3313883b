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
from ..base import WriteGuard
from ..disk import pwrite_all
from ..errors import StagingMissing, WriterSuperseded, storage_errors
from .claims import COMMITTED, ENTRY_SIZE, FREE, PARTIAL, ClaimEntry
from .staging import Staging

BLOCK = MIB


class LocalWriter:
    """One sender of one chunk.

    Up to one block stays in memory until it is committed. A chunk that is larger, or a process that is short of memory,
    writes in place if nobody else does (it *claims* the chunk), else to an unnamed spool file that is copied into place
    if this sender is the first to commit. Of a chunk that is recorded nothing is kept.
    """

    def __init__(
        self, staging: Staging, upload_id: UUID, span: Span, guard: WriteGuard, *, start: int, supersede: bool
    ) -> None:
        self._staging = staging
        self._upload_id = upload_id
        self._span = span
        self._guard = guard
        self._supersede = supersede
        self._start = start
        self._written = start
        self._held: list[bytes | memoryview] = []
        self.held_bytes = 0
        self._claimed = False
        self._superseded = False
        self._is_staging_missing = False
        self._spool: BinaryIO | None = None

    @cached_property
    def _token(self) -> bytes:
        return secrets.token_bytes(ENTRY_SIZE)

    def write(self, block: bytes | memoryview) -> None:
        self._held.append(block)
        self.held_bytes += len(block)
        memory_budget.take(len(block))
        if self._written + self.held_bytes == self._span.size:
            return  # Committed next: one write, no claim.
        if self.held_bytes >= BLOCK or memory_budget.exhausted(upload_settings().receive_buffer_bytes):
            self._write_out()
        elif isinstance(block, memoryview):
            self._held[-1] = bytes(block)  # Its memory is lent, and used again.

    def write_out(self, digest: bytes | None = None) -> None:
        if self.held_bytes:
            self._write_out()

    def commit(self, entry: ClaimEntry, digest: bytes) -> str:
        self._place(entry)
        entry.write(COMMITTED)
        return ""

    def commit_partial(self, entry: ClaimEntry) -> None:
        self._place(entry)
        entry.write(PARTIAL)

    def drop_held(self) -> None:
        memory_budget.release(self.held_bytes)
        self._held = []
        self.held_bytes = 0

    def discard(self) -> None:
        self.drop_held()
        self._close_spool()
        if not self._claimed:
            return
        self._claimed = False
        try:
            with self._staging.exclusive(self._upload_id, self._span.index) as entry:
                if entry.read() == self._token:
                    # What an earlier request kept of this chunk lies before ``start``, untouched.
                    entry.write(PARTIAL if self._start else FREE)
        except StagingMissing:
            return

    def _write_out(self) -> None:
        if self._superseded:
            self.drop_held()
        elif self._spool is not None:
            self._append_to_spool(self._spool)
        else:
            try:
                self._write_in_place_or_spool()
            except StagingMissing:
                # Ended meanwhile, or lost: what is recorded tells, when the chunk is whole.
                self._is_staging_missing = True
                self._only_compare()

    def _only_compare(self) -> None:
        """What is still to come changes nothing: it can only be compared with what was recorded."""
        self._superseded = True
        self.drop_held()

    def _write_in_place_or_spool(self) -> None:
        with self._staging.exclusive(self._upload_id, self._span.index) as entry:
            owner = entry.read()
            is_lost = self._claimed and owner != self._token
            if is_lost or (not self._claimed and not self._guard.may_write()):
                self._only_compare()
                return
            if not self._claimed and (self._supersede or owner in (FREE, COMMITTED)):
                entry.write(self._token)
                self._claimed = True
            if self._claimed:
                self._write_held_in_place()
                return
        self._guard.reserve_spool(self._span.size)
        self._spool = self._staging.spool()
        self._append_to_spool(self._spool)

    def _place(self, entry: ClaimEntry) -> None:
        if self._is_staging_missing:
            raise StagingMissing
        if self._superseded or (self._claimed and entry.read() != self._token):
            raise WriterSuperseded
        self._write_held_in_place()
        self._claimed = False

    def _write_held_in_place(self) -> None:
        with storage_errors():
            fd = self._staging.open(self._upload_id, "part", os.O_WRONLY)
            try:
                self._copy_spool_to(fd)
                pwrite_all(fd, self._held, self._span.offset + self._written)
                if upload_settings().sync_chunks:
                    os.fdatasync(fd)
            finally:
                os.close(fd)
        self._note_written()

    def _append_to_spool(self, spool: BinaryIO) -> None:
        with storage_errors():
            pwrite_all(spool.fileno(), self._held, self._written - self._start)
        self._note_written()

    def _note_written(self) -> None:
        self._written += self.held_bytes
        self.drop_held()

    def _copy_spool_to(self, fd: int) -> None:
        if self._spool is None:
            return
        self._spool.seek(0)
        offset = self._span.offset + self._start
        while block := self._spool.read(BLOCK):
            pwrite_all(fd, [block], offset)
            offset += len(block)

    def _close_spool(self) -> None:
        if self._spool is None:
            return
        self._spool.close()
        self._spool = None
        self._guard.release_spool()
