"""Receiving bytes in order, over as many chunks as come: what tus and the IETF draft build upon.

Append tokens
    A sequential sender whose connection died does not know it, and neither does the server: the old request may hang
    for minutes with bytes in its buffers. The sender asks for the offset and continues in a new request, so two
    requests hold bytes for the same place, and the newer one must win *at once*, without waiting for the older one.

    * Each sequential request begins by writing a random token of its own into the session's row
      (``ledger.supersede_append``). The newest token is the one in the row; nothing is ever locked while bytes travel.
    * Whatever a sequential request records is conditional on its token, in the same UPDATE that counts it: the receipt
      of a whole chunk (``ledger.record``) and the size of a kept part (``ledger.record_partial``). A superseded request
      records nothing, however late it comes to life.
    * In the store, its writer loses the claim on the chunk to the newer one's (``supersede=True``), so that it cannot
      change a byte there either. See ``storage.local.claims``.
    * The offset that a new request is told is computed after its token is in the row: what an older one records before
      that counts, and afterwards it records nothing. So bytes arrive exactly once.

Kept parts
    What arrived of a chunk when the body was cut short is committed as a *partial*: its size and SHA-256 stand in the
    row, and count towards the offset while they describe the bytes that are stored. A later request continues behind
    it.
"""

from __future__ import annotations

import hashlib

from ..conf import MIB
from ..errors import OffsetMismatch, TooLarge
from ..grid import Span
from ..models import UploadSession
from ..storage import StagingMissing, get_store
from . import ledger
from .receiving import ChunkSink


class AppendSink:
    """Receives bytes in order from the first byte not yet kept, over as many chunks as come (tus, the IETF draft).

    Opening one supersedes an older one of the same session at once. Whatever had arrived when the body ends or breaks
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
        self._token = ledger.supersede_append(session)
        reached = append_offset(session)
        if offset != reached:
            raise OffsetMismatch(reached, offset)
        self.offset = offset
        self._grid = session.grid
        self._chunk: ChunkSink | None = None

    def receive(self, block: bytes) -> None:
        """Take the next bytes.

        Raises:
            TooLarge: more bytes than the file has. What fits is kept.
            ContentRefused, ChunkConflict, ChunkSuperseded, StorageFull, SessionGone, Conflict: as ``ChunkSink``.
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
        return self.commit_partial()

    def abort(self) -> int:
        """The body was cut short; keep what came. Returns the offset reached."""
        return self.commit_partial()

    def commit_partial(self) -> int:
        """Make everything that arrived so far durable; the upload resumes at the offset returned."""
        chunk, self._chunk = self._chunk, None
        if chunk is not None and chunk.received:
            chunk.commit_partial()
        return self.offset

    def _open_chunk(self) -> ChunkSink:
        end = self._grid.end
        if self.offset >= end:
            raise TooLarge(f"The file has {end} bytes; more arrived.", limit=end)
        index, start = divmod(self.offset, self._grid.chunk_size)
        span = self._grid.span(index)
        self._chunk = ChunkSink(
            self.session,
            span,
            append_token=self._token,
            writer=get_store(self.session.store).writer(self.session.staged, span, start=start, supersede=True),
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
    store = get_store(session.store)
    writer = store.writer(session.staged, span, start=span.size, supersede=True)
    with store.exclusive(session.staged, chunks) as entry:
        if ledger.recorded_digest(session, chunks, session.append_token) is None:
            etag = writer.commit(entry)
            ledger.record(session, span, span.size, digest.digest(), etag, session.append_token)


def _hash_kept(session: UploadSession, span: Span, size: int) -> hashlib._Hash:
    """A running hash over the first ``size`` stored bytes of a chunk."""
    digest = hashlib.sha256()
    if not size:
        return digest
    try:
        with get_store(session.store).open(session.staged) as stored:
            stored.seek(span.offset)
            while size and (block := stored.read(min(size, MIB))):
                digest.update(block)
                size -= len(block)
    except StagingMissing:
        pass
    return digest
