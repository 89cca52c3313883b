"""Receiving bytes in order that came with a checksum over all of them: nothing counts before it is known to match.

The bytes go where they belong, under claims, chunk after chunk, and stay unrecorded: memory holds no more than without
a checksum. When the body has ended and the checksum matches, the receipts of all whole chunks and the kept part behind
them are written in one transaction, while the store keeps everybody else from these chunks; so the offset is either
where it was, or at the body's end. What is recorded already is compared, never written.
"""

from __future__ import annotations

import hmac
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

from django.db import IntegrityError, InterfaceError, OperationalError

from ..errors import ChecksumMismatch, ChunkConflict, ChunkSuperseded
from ..models import UploadSession
from ..storage import StagingMissing, WriterSuperseded, get_store
from . import cells, ledger
from .appending import AppendSink
from .partial_chunk import PartialChunk
from .receiving import staging_lost
from .sequential_ledger import Run, has_run, record_run
from .transactions import on_fresh_connection


class RunningChecksum(Protocol):
    """A checksum under way."""

    def update(self, block: bytes, /) -> None: ...

    def digest(self) -> bytes: ...


@dataclass(frozen=True, slots=True)
class ExpectedChecksum:
    """The checksum that was announced for a body: what it must be, and how one over nothing yet begins."""

    begin: Callable[[], RunningChecksum]
    digest: bytes


class CheckedAppendSink(AppendSink):
    """As :class:`AppendSink`, but all of a body is kept, or nothing."""

    def __init__(self, session: UploadSession, offset: int, checksum: ExpectedChecksum) -> None:
        super().__init__(session, offset)
        self._expected = checksum.digest
        self._running = checksum.begin()
        self._whole: list[PartialChunk] = []
        """Chunks whose bytes are all in their place."""

    def receive(self, block: bytes) -> None:
        super().receive(block)
        self._running.update(block)

    def _end_chunk(self, chunk: PartialChunk) -> None:
        chunk.write_out()
        self._whole.append(chunk)

    def finish(self) -> int:
        """The body ended.

        Raises:
            ChecksumMismatch: it is not what was announced; the offset is where it was.
            ChunkConflict: other bytes are recorded for one of the chunks.
            ChunkSuperseded, SessionGone, Conflict: as ``AppendSink``. Nothing is kept then.
        """
        reached = self.offset
        try:
            if not hmac.compare_digest(self._running.digest(), self._expected):
                raise ChecksumMismatch("The bytes do not have the checksum sent with them; send them again.")
            self._keep([*self._whole, *([self._chunk] if self._chunk and self._chunk.has_new_bytes else [])])
        finally:
            self.abort()
        self._offset = reached
        return reached

    def abort(self) -> int:
        """The body was cut short: what cannot be checked is given up. Returns the offset, which is where it was."""
        chunks, self._whole = self._whole, []
        if self._chunk is not None:
            chunks.append(self._chunk)
        self._chunk, self._offset = None, self.begun_at
        for chunk in chunks:
            chunk.abort()
        return self.begun_at

    def rest(self) -> None:
        if self._chunk is not None:
            self._chunk.rest()  # Nothing may be kept, but it needs no memory.

    def keep(self) -> int:
        return self.begun_at  # Nothing may be kept before the checksum is known.

    def _keep(self, chunks: list[PartialChunk]) -> None:
        if not chunks:
            return
        store = get_store(self.session.store)
        first = chunks[0].span.index
        try:
            with cells.locked_run(self.session, store, first, len(chunks)) as entries:
                self._commit(chunks, entries)
        except (WriterSuperseded, ledger.ReservationLost):
            raise ChunkSuperseded(first) from None
        except (StagingMissing, IntegrityError) as error:
            raise staging_lost(self.session, error, self.token) from None

    def _commit(self, chunks: list[PartialChunk], entries: list[Any]) -> None:
        run = Run(self.token)
        for chunk, entry in zip(chunks, entries, strict=True):
            index = chunk.span.index
            recorded = ledger.recorded_digest(self.session, index, self.token)
            if recorded is None:
                chunk.commit_to(run, entry)
            elif not chunk.room and not hmac.compare_digest(recorded, chunk.digest):
                raise ChunkConflict(index)
        try:
            record_run(self.session, run)
        except (OperationalError, InterfaceError) as error:
            if not on_fresh_connection(lambda: has_run(self.session, run)):
                raise error
        for chunk in chunks:
            if not chunk.room:
                chunk.forget_segments()
            elif run.part is not None:
                chunk.forget_taken_in(run.part)
