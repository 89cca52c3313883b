"""Receiving bytes: objects that are fed blocks as they arrive and are then told how it ended.

``receive(block)`` as often as needed, then either ``finish()`` (the body was whole) or ``abort()`` (it was not).
Nothing is locked and no transaction is open between these calls, however long the network takes.
"""

from __future__ import annotations

import hashlib
import hmac
import logging
import uuid
from collections.abc import Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass

from django.db import IntegrityError, InterfaceError, OperationalError
from django.db.models import Q

from ..errors import (
    BadRequest,
    BodyBroken,
    ChecksumMismatch,
    ChunkConflict,
    ChunkSuperseded,
    Conflict,
    StorageFull,
    TooLarge,
    Unavailable,
)
from ..grid import Span
from ..models import UploadSession
from ..resumable_hash import RunningHash
from ..storage import Segment, SegmentsMissing, Staged, StagingMissing, Store, WriterSuperseded, get_store, locks_chunks
from . import cells, ledger, quotas
from .cells import Cell
from .conditional import row_of, update_if
from .secure_file_upload_service import HEAD_SIZE, SecureFileUploadService
from .sequential_ledger import KeptPart, drop_partial
from .transactions import on_fresh_connection
from .write_guard import ChunkGuard

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class StoredChunk:
    """A chunk that is stored and recorded, and what the session has received with it."""

    index: int
    digest: bytes
    totals: ledger.Totals


def staging_lost(session: UploadSession, error: Exception, append_token: uuid.UUID | None = None) -> Conflict:
    """Begin the staged bytes anew, unless somebody did since, and say so. What is recorded and gone with them,
    ``complete`` will find. Of a kept part that is gone alone nothing else is given up.

    Args:
        session: as it was when its bytes were found missing.
        append_token: of the sequential request that found it.
    """
    before = session.staged
    ledger.refresh(session)
    ledger.require_active(session)
    if append_token is not None and append_token != session.append_token:
        return ledger.append_superseded()
    if isinstance(error, SegmentsMissing) or _begin_staging_anew(session, before):
        drop_partial(session, KeptPart.of(session))
    return Conflict("The staged bytes vanished meanwhile; send this chunk again.", code="staging_lost")


def _begin_staging_anew(session: UploadSession, before: Staged) -> bool:
    """Make a place for bytes in place of one that is gone. False if somebody did since, or repaired it."""
    store = get_store(session.store)
    if session.staged != before:
        return False
    handle = store.begin(session.upload_id, mime_type=session.mime_type)
    if handle == before.handle:
        return True
    unchanged = Q(store_handle=before.handle, status=UploadSession.Status.ACTIVE)
    if not update_if(row_of(session), unchanged, store_handle=handle):
        store.discard_orphan(Staged(session.upload_id, handle))
        ledger.refresh(session)
        return False
    session.store_handle = handle
    return True


SILENCE_SECONDS = 2.0
"""A sender that sends nothing for so long is not about to."""


def silence_of(store: Store) -> float | None:
    """How long a sender may be silent until what it left is put away; None where little is held at a time."""
    return None if locks_chunks(store) else SILENCE_SECONDS


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


class ChunkSink:
    """Receives one whole chunk. All of it is recorded, or nothing."""

    def __init__(
        self,
        session: UploadSession,
        span: Span,
        *,
        expected_digest: bytes | None = None,
        append_token: uuid.UUID | None = None,
        start: int = 0,
        running_hash: RunningHash | None = None,
        segments: Sequence[Segment] = (),
    ) -> None:
        """
        Args:
            append_token: of the sequential request that this is part of; it takes the chunk over from an older one.
            start: bytes of the chunk that are kept already, and that ``running_hash`` has seen.
            segments: where they are, if the store keeps them apart.
        """
        self.session = session
        self.span = span
        self.received = start
        self._expected = expected_digest
        self._append_token = append_token
        self._store = get_store(session.store)
        guard = ChunkGuard(session, span.index)
        self._writer = self._store.writer(
            session.staged, span, guard, start=start, supersede=append_token is not None, segments=segments
        )
        self._digest = running_hash or hashlib.sha256()
        self._etag = ""
        """Of what was stored, and maybe recorded by a sender of the same bytes."""
        self._head = _Head(session) if span.index == 0 and not start else None

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
            QuotaExceeded: these bytes do not fit, of a file of unknown size or beside those of another sender.
        """
        try:
            self._take(block)
        except BaseException:
            self.abort()
            raise

    def _take(self, block: bytes) -> None:
        if len(block) > self.room:
            raise TooLarge(f"Chunk {self.span.index} has {self.span.size} bytes; more arrived.", limit=self.span.size)
        if self._head:
            self._head.feed(block)
        self._reserve(self.span.offset + self.received + len(block))
        self._writer.write(block)
        self._digest.update(block)
        self.received += len(block)

    def _reserve(self, end: int) -> None:
        """Nothing is written that is not reserved; a file of known size is, since it was begun."""
        if self.span.exact or end <= self.session.reserved_bytes:
            return
        quotas.reserve_up_to(self.session, end)
        if end > self.session.reserved_bytes:
            ledger.refresh(self.session)
            ledger.require_active(self.session)
            raise ledger.no_place(self.span.index)

    @property
    def silence_seconds(self) -> float | None:
        """After how long without a byte to :meth:`rest`; None: there is no need to."""
        return silence_of(self._store)

    def rest(self) -> None:
        """The sender has stopped for now: leave nothing of what came in memory, if there is room elsewhere."""
        try:
            self._writer.write_out()
        except (StorageFull, Unavailable) as error:
            logger.warning("bytes of a silent sender stay in memory: %s", error)

    def finish(self) -> StoredChunk:
        """The chunk arrived: check it, make it final, record it. The same bytes a second time are a success.

        Raises:
            BodyBroken: fewer bytes arrived than the chunk has.
            ChecksumMismatch: these are not the bytes that were announced.
            ChunkConflict: other bytes are recorded under this index.
            ChunkSuperseded: a newer request writes this chunk.
            SessionGone, Conflict, NotFound: the session takes no more chunks.
            Unavailable: the database is in trouble.
        """
        try:
            self._check_whole()
            return self._commit_or_compare()
        except ChecksumMismatch:
            ledger.count_damaged(self.session)
            raise
        finally:
            self._writer.discard()

    def abort(self) -> None:
        """The body did not arrive whole: give up what came of it."""
        self._writer.discard()

    def _check_whole(self) -> None:
        if self.span.exact and self.room:
            raise BodyBroken(f"Chunk {self.span.index} has {self.span.size} bytes; {self.received} arrived.")
        if not self.received:
            raise BadRequest("A chunk has at least one byte.", code="bad_chunk_size")
        if self._expected is not None and not hmac.compare_digest(self._expected, self._digest.digest()):
            raise ChecksumMismatch(f"The bytes of chunk {self.span.index} do not have the SHA-256 sent with them.")
        if self._head:
            self._head.check()

    def _commit_or_compare(self) -> StoredChunk:
        digest = self._digest.digest()
        index = self.span.index
        try:
            recorded = self._recorded_before()
            if recorded is None:
                with self._held(digest) as cell:
                    recorded = ledger.recorded_digest(self.session, index, self._append_token)
                    if recorded is None:
                        return self._commit_and_record(cell, digest)
        except (StagingMissing, IntegrityError, ledger.ReservationLost) as error:
            # Published meanwhile, or the staged files were lost and made anew, or another sender was faster: the ledger
            # knows what is recorded.
            recorded = ledger.recorded_digest(self.session, index, self._append_token)
            if recorded is None and isinstance(error, ledger.ReservationLost):
                raise ChunkSuperseded(index) from None
            if recorded is None:
                raise staging_lost(self.session, error, self._append_token) from None
        if not hmac.compare_digest(recorded, digest):
            raise ChunkConflict(index)
        if self._etag:
            ledger.note_etag(self.session, index, digest, self._etag)
        return StoredChunk(index, digest, ledger.totals(self.session))

    def _recorded_before(self) -> bytes | None:
        """What is recorded needs no reservation, which might be another one's."""
        if locks_chunks(self._store):
            return None
        return ledger.recorded_digest(self.session, self.span.index, self._append_token)

    def _held(self, digest: bytes) -> AbstractContextManager[Cell]:
        supersede = self._append_token is not None
        return cells.held(self.session, self._store, self.span.index, digest, supersede=supersede)

    def _commit_and_record(self, cell: Cell, digest: bytes) -> StoredChunk:
        try:
            etag = self._writer.commit(cell.entry, digest)
        except WriterSuperseded:
            raise ChunkSuperseded(self.span.index) from None
        is_reserved = cell.reservation is not None
        self._etag = etag
        try:
            counted = ledger.record(
                self.session, self.span, self.received, digest, etag, self._append_token, is_reserved=is_reserved
            )
            cell.reservation = None
        except (OperationalError, InterfaceError) as error:
            counted = self._read_what_happened(digest, error)
        return StoredChunk(self.span.index, digest, counted)

    def _read_what_happened(self, digest: bytes, error: Exception) -> ledger.Totals:
        """The connection broke while the receipt was written: it is there, or it is not."""
        index = self.span.index
        recorded = on_fresh_connection(lambda: ledger.recorded_digest(self.session, index, self._append_token))
        if recorded != digest:
            raise error
        return ledger.totals(self.session)
