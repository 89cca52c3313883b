"""Receiving bytes: objects that are fed blocks as they arrive and are then told how it ended.

``receive(block)`` as often as needed, then either ``finish()`` (the body was whole) or ``abort()`` (it was not).
Nothing is locked and no transaction is open between these calls, however long the network takes.
"""

from __future__ import annotations

import hashlib
import hmac
import uuid
from dataclasses import dataclass

from django.db import IntegrityError

from ..errors import (
    BadRequest,
    BodyBroken,
    ChecksumMismatch,
    ChunkConflict,
    ChunkSuperseded,
    Conflict,
    TooLarge,
)
from ..grid import Span
from ..models import UploadSession
from ..storage import Entry, StagingMissing, Writer, WriterSuperseded, get_store
from . import ledger
from .secure_file_upload_service import HEAD_SIZE, SecureFileUploadService


@dataclass(frozen=True, slots=True)
class StoredChunk:
    """A chunk that is stored and recorded, and what the session has received with it."""

    index: int
    totals: ledger.Totals


def _begin_anew(session: UploadSession) -> None:
    ledger.refresh(session)
    ledger.require_active(session)
    ledger.set_handle(session, get_store(session.store).begin(session.upload_id, mime_type=session.mime_type))


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


class ChunkSink:
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
        self._store = get_store(session.store)
        self._writer = writer or self._store.writer(session.staged, span)
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
            self.abort()
            raise TooLarge(f"Chunk {self.span.index} has {self.span.size} bytes; more arrived.", limit=self.span.size)
        try:
            if self._head:
                self._head.feed(block)
            self._digest.update(block)
            self._writer.write(block)
        except BaseException:
            self.abort()
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
            return self._commit_or_compare()
        finally:
            self._writer.discard()

    def abort(self) -> None:
        """The body did not arrive whole: give up what came of it."""
        self._writer.discard()

    def commit_partial(self) -> None:
        """The body was cut short, but its bytes are the next ones in order: leave them in place for a later request.

        Raises:
            ChunkSuperseded, SessionGone, Conflict: a newer request superseded this one, or the session takes no more
            bytes.
        """
        assert self._append_token is not None
        index = self.span.index
        try:
            with self._store.exclusive(self.session.staged, index) as entry:
                if ledger.recorded_digest(self.session, index, self._append_token) is None:
                    self._writer.commit_partial(entry)
                    part = self._digest.hexdigest()
                    ledger.record_partial(self.session, index, self.received, part, self._append_token)
        except WriterSuperseded:
            raise ChunkSuperseded(index) from None
        except StagingMissing:
            raise _staging_lost(self.session) from None
        finally:
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
            with self._store.exclusive(self.session.staged, index) as entry:
                recorded = self._recorded_digest(entry)
                if recorded is None:
                    return self._commit_and_record(entry, digest)
        except (StagingMissing, IntegrityError):
            # Published meanwhile, or the staged files were lost and made anew: the ledger knows what is recorded.
            recorded = ledger.recorded_digest(self.session, index, self._append_token)
            if recorded is None:
                raise _staging_lost(self.session) from None
        if not hmac.compare_digest(recorded, digest):
            raise ChunkConflict(index)
        return StoredChunk(index, ledger.totals(self.session))

    def _commit_and_record(self, entry: Entry, digest: bytes) -> StoredChunk:
        try:
            etag = self._writer.commit(entry)
        except WriterSuperseded:
            raise ChunkSuperseded(self.span.index) from None
        counted = ledger.record(self.session, self.span, self.received, digest, etag, self._append_token)
        return StoredChunk(self.span.index, counted)

    def _recorded_digest(self, entry: Entry) -> bytes | None:
        # An untouched chunk needs no question: it has no receipt, so a file of known size cannot be assembling, and
        # recording it will be refused if the session ended.
        if entry.is_untouched and self.span.exact and self._append_token is None:
            return None
        return ledger.recorded_digest(self.session, self.span.index, self._append_token)
