"""Receiving bytes: objects that are fed blocks as they arrive and are then told how it ended.

``receive(block)`` as often as needed, then either ``finish()`` (the body was whole) or ``break_off()`` (it was not).
Nothing is locked and no transaction is open between these calls, however long the network takes.
"""

from __future__ import annotations

import hashlib
import hmac
import uuid
from dataclasses import dataclass

from django.db import IntegrityError

from ..conf import MIB
from ..errors import (
    BadRequest,
    BodyBroken,
    ChecksumMismatch,
    ChunkConflict,
    ChunkSuperseded,
    Conflict,
    OffsetMismatch,
    TooLarge,
)
from ..grid import Span
from ..models import UploadSession
from ..storage import Entry, StagingMissing, Writer, WriterDisplaced, get_store
from . import ledger
from .secure_file_upload_service import HEAD_SIZE, SecureFileUploadService


@dataclass(frozen=True, slots=True)
class StoredChunk:
    """A chunk that is stored and recorded, and what the session has received with it."""

    index: int
    totals: ledger.Totals


def _begin_anew(session: UploadSession) -> None:
    session.refresh_from_db()
    ledger.require_active(session)
    get_store().begin(session.upload_id)


def _staging_lost(session: UploadSession) -> Conflict:
    _begin_anew(session)
    return Conflict("The staged bytes vanished meanwhile; send this chunk again.", code="staging_lost")


class _Head:
    """Watches the first bytes of the file go by and refuses them as soon as they show that it cannot pass."""

    def __init__(self, session: UploadSession) -> None:
        self._session = session
        self._seen = b""
        self._done = False

    def feed(self, block: bytes) -> None:
        if self._done:
            return
        self._seen += block[: HEAD_SIZE - len(self._seen)]
        if len(self._seen) == HEAD_SIZE:
            self.check()

    def check(self) -> None:
        if not self._done:
            self._done = True
            SecureFileUploadService.check_head(self._session, self._seen)


class ChunkReceiver:
    """Receives one whole chunk. All of it is recorded, or nothing."""

    def __init__(
        self,
        session: UploadSession,
        span: Span,
        *,
        expected_digest: bytes | None = None,
        append_token: uuid.UUID | None = None,
        writer: Writer | None = None,
        digest: hashlib._Hash | None = None,
        received: int = 0,
    ) -> None:
        self.session = session
        self.span = span
        self.received = received
        self._expected = expected_digest
        self._append_token = append_token
        self._writer = writer or get_store().writer(session.upload_id, span)
        self._digest = digest or hashlib.sha256()
        self._head = _Head(session) if span.index == 0 and not received else None

    @property
    def room(self) -> int:
        """Bytes that still fit into the chunk."""
        return self.span.size - self.received

    def receive(self, block: bytes) -> None:
        """Take the next bytes.

        Raises:
            TooLarge: more bytes than the chunk has.
            ContentRefused: the first bytes of the file show that it cannot pass.
            StorageFull: the store has no room.
        """
        if len(block) > self.room:
            self.break_off()
            raise TooLarge(f"Chunk {self.span.index} has {self.span.size} bytes; more arrived.", limit=self.span.size)
        try:
            if self._head:
                self._head.feed(block)
            self._digest.update(block)
            self._write(block)
        except BaseException:
            self.break_off()
            raise
        self.received += len(block)

    def finish(self) -> StoredChunk:
        """The chunk arrived: check it, make it final, record it. The same bytes a second time are a success.

        Raises:
            BodyBroken: fewer bytes arrived than the chunk has.
            ChecksumMismatch: these are not the bytes that were announced.
            ChunkConflict: other bytes are recorded under this index.
            ChunkSuperseded: a newer request writes this chunk.
            SessionGone, Conflict, NotFound: the session takes no more chunks.
        """
        try:
            self._check_whole()
            return self._store()
        finally:
            self._writer.discard()

    def break_off(self) -> None:
        """The body did not arrive whole: give up what came of it."""
        self._writer.discard()

    def keep(self) -> None:
        """The body broke off, but its bytes are the next ones in order: leave them in place for a later request.

        Raises:
            ChunkSuperseded, SessionGone, Conflict: a newer request took over, or the session takes no more bytes.
        """
        assert self._append_token is not None
        index = self.span.index
        try:
            with get_store().exclusive(self.session.upload_id, index) as entry:
                if ledger.recorded_digest(self.session, index, self._append_token) is None:
                    self._writer.keep(entry)
                    part = self._digest.hexdigest()
                    ledger.record_partial(self.session, index, self.received, part, self._append_token)
        except WriterDisplaced:
            raise ChunkSuperseded(index) from None
        except StagingMissing:
            raise _staging_lost(self.session) from None
        finally:
            self._writer.discard()

    def _write(self, block: bytes) -> None:
        try:
            self._writer.write(block)
        except StagingMissing:
            raise _staging_lost(self.session) from None

    def _check_whole(self) -> None:
        if self.span.exact and self.room:
            raise BodyBroken(f"Chunk {self.span.index} has {self.span.size} bytes; {self.received} arrived.")
        if not self.received:
            raise BadRequest("A chunk has at least one byte.", code="bad_chunk_size")
        if self._expected is not None and not hmac.compare_digest(self._expected, self._digest.digest()):
            raise ChecksumMismatch(f"The bytes of chunk {self.span.index} do not have the SHA-256 sent with them.")
        if self._head:
            self._head.check()

    def _store(self) -> StoredChunk:
        digest = self._digest.digest()
        index = self.span.index
        try:
            with get_store().exclusive(self.session.upload_id, index) as entry:
                recorded = self._recorded_digest(entry)
                if recorded is None:
                    return self._settle_and_record(entry, digest)
        except (StagingMissing, IntegrityError):
            # Published meanwhile, or the staged files were lost and made anew: the ledger knows what is recorded.
            recorded = ledger.recorded_digest(self.session, index, self._append_token)
            if recorded is None:
                raise _staging_lost(self.session) from None
        if not hmac.compare_digest(recorded, digest):
            raise ChunkConflict(index)
        return StoredChunk(index, ledger.totals(self.session))

    def _settle_and_record(self, entry: Entry, digest: bytes) -> StoredChunk:
        try:
            self._writer.settle(entry)
        except WriterDisplaced:
            raise ChunkSuperseded(self.span.index) from None
        counted = ledger.record(self.session, self.span.index, self.received, digest, self._append_token)
        return StoredChunk(self.span.index, counted)

    def _recorded_digest(self, entry: Entry) -> bytes | None:
        # An untouched chunk needs no question: it has no receipt, so a file of known size cannot be assembling, and
        # recording it will be refused if the session ended.
        if entry.is_untouched and self.span.exact and self._append_token is None:
            return None
        return ledger.recorded_digest(self.session, self.span.index, self._append_token)


class AppendReceiver:
    """Receives bytes in order from the first byte not yet kept, over as many chunks as come (tus, the IETF draft).

    Opening one displaces an older one of the same session at once. Whatever had arrived when the body ends or breaks
    off is kept: whole chunks in the ledger, the rest as the kept part of the next one.
    """

    def __init__(self, session: UploadSession, offset: int) -> None:
        """
        Raises:
            OffsetMismatch: ``offset`` is not where the upload continues.
            SessionGone, Conflict: the session takes no more bytes.
        """
        ledger.require_active(session)
        self.session = session
        self._token = ledger.take_over_append(session)
        reached = append_offset(session)
        if offset != reached:
            raise OffsetMismatch(reached, offset)
        self.offset = offset
        self._grid = session.grid
        self._chunk: ChunkReceiver | None = None

    def receive(self, block: bytes) -> None:
        """Take the next bytes.

        Raises:
            TooLarge: more bytes than the file has. What fits is kept.
            ContentRefused, ChunkConflict, ChunkSuperseded, StorageFull, SessionGone, Conflict: as ``ChunkReceiver``.
        """
        rest = memoryview(block)
        while rest:
            chunk = self._chunk or self._open_chunk()
            part = rest[: chunk.room]
            chunk.receive(bytes(part))
            self.offset += len(part)
            rest = rest[len(part) :]
            if not chunk.room:
                self._chunk = None
                chunk.finish()

    def finish(self) -> int:
        """The body ended; keep the rest. Returns the offset reached."""
        return self.keep()

    def break_off(self) -> int:
        """The body broke off; keep what came. Returns the offset reached."""
        return self.keep()

    def keep(self) -> int:
        """Make everything that arrived so far durable; the upload goes on at the offset returned."""
        chunk, self._chunk = self._chunk, None
        if chunk is not None and chunk.received:
            chunk.keep()
        return self.offset

    def _open_chunk(self) -> ChunkReceiver:
        end = self._grid.end
        if self.offset >= end:
            raise TooLarge(f"The file has {end} bytes; more arrived.", limit=end)
        index, start = divmod(self.offset, self._grid.chunk_size)
        span = self._grid.span(index)
        self._chunk = ChunkReceiver(
            self.session,
            span,
            append_token=self._token,
            writer=get_store().writer(self.session.upload_id, span, start=start, take_over=True),
            digest=_hash_kept(self.session, span, start),
            received=start,
        )
        return self._chunk


def append_offset(session: UploadSession) -> int:
    """Where a sequential sender continues: everything before it is stored."""
    chunks = ledger.contiguous_chunks(session)
    if chunks == session.total_chunks:
        return session.total_size or 0
    offset = chunks * session.chunk_size
    if session.partial_index != chunks or not session.partial_size:
        return offset
    if _hash_kept(session, session.grid.span(chunks), session.partial_size).hexdigest() != session.partial_sha256:
        ledger.drop_partial(session)
    return offset + session.partial_size


def record_kept_part(session: UploadSession) -> None:
    """Record the kept part of the last chunk, once the declared size shows that it is the whole of it."""
    chunks = ledger.contiguous_chunks(session)
    if session.total_chunks is None or chunks >= session.total_chunks or session.partial_index != chunks:
        return
    span = session.grid.span(chunks)
    if session.partial_size != span.size:
        return
    digest = _hash_kept(session, span, span.size)
    if digest.hexdigest() != session.partial_sha256:
        ledger.drop_partial(session)
        return
    with get_store().exclusive(session.upload_id, chunks):
        if ledger.recorded_digest(session, chunks, session.append_token) is None:
            ledger.record(session, chunks, span.size, digest.digest(), session.append_token)


def _hash_kept(session: UploadSession, span: Span, size: int) -> hashlib._Hash:
    """A running hash over the first ``size`` stored bytes of a chunk."""
    digest = hashlib.sha256()
    if not size:
        return digest
    try:
        with get_store().open(session.upload_id) as stored:
            stored.seek(span.offset)
            while size and (block := stored.read(min(size, MIB))):
                digest.update(block)
                size -= len(block)
    except StagingMissing:
        pass
    return digest
