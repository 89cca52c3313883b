"""Receiving bytes in order, over as many chunks as come: what tus and the IETF draft build upon.

Append tokens
    A sequential sender whose connection died does not know it, and neither does the server: the old request may hang
    for minutes with bytes in its buffers. The sender asks for the offset and continues in a new request, so two
    requests hold bytes for the same place, and the newer one must win *at once*, without waiting for the older one.

    * Each sequential request begins by writing a random token of its own into the session's row
      (``ledger.supersede_append``). The newest token is the one in the row; nothing is ever locked while bytes travel.
    * Whatever a sequential request records is conditional on its token, in the same UPDATE that counts it: the receipt
      of a whole chunk (``ledger.record``) and the size of a kept part (``sequential_ledger.record_partial``). A
      superseded request records nothing, however late it comes to life.
    * In the store, its writer loses the claim on the chunk to the newer one's (``supersede=True``), so that it cannot
      change a byte there either. See ``storage.local.claims``.
    * The offset that a new request is told is computed after its token is in the row: what an older one records before
      that counts, and afterwards it records nothing. So bytes arrive exactly once.
"""

from __future__ import annotations

from uuid import UUID

from .. import resumable_hash
from ..errors import OffsetMismatch, StorageFull, TooLarge, Unavailable
from ..models import UploadSession
from ..storage import get_store
from . import ledger, open_appends
from .partial_chunk import PartialChunk, hash_over_kept
from .receiving import silence_of


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
        self.session = session
        self.token = _take_over_at(session, offset)
        self.begun_at = offset
        self._offset = offset
        self._grid = session.grid
        self._chunk: PartialChunk | None = None

    @property
    def offset(self) -> int:
        """The byte that is wanted next."""
        return self._chunk.span.offset + self._chunk.received if self._chunk else self._offset

    def receive(self, block: bytes) -> None:
        """Take the next bytes.

        Raises:
            TooLarge: more bytes than the file has. What fits is kept.
            StorageFull, Unavailable: the store takes no more. What reached it is kept.
            ContentRefused, ChunkConflict, ChunkSuperseded, QuotaExceeded, SessionGone, Conflict: as ``ChunkSink``. What
                was kept before this request, or recorded in it, stays.
        """
        at = 0
        while at < len(block):
            chunk = self._chunk or self._open_chunk()
            part = block[at : at + chunk.room]  # The block itself, where it fits: slicing copies nothing then.
            self._feed(chunk, part)
            at += len(part)

    def _feed(self, chunk: PartialChunk, part: bytes) -> None:
        try:
            chunk.receive(part)
            if not chunk.room:
                self._end_chunk(chunk)
                self._chunk = None
                self._offset = chunk.span.offset + chunk.span.size
        except (StorageFull, Unavailable):
            raise  # The chunk has fallen back to what can be kept of it.
        except BaseException:
            self._chunk = None
            raise

    def _end_chunk(self, chunk: PartialChunk) -> None:
        chunk.finish()

    def finish(self) -> int:
        """The body ended; keep the rest. Returns the offset reached."""
        return self.keep()

    def abort(self) -> int:
        """The body was cut short; keep what came. Returns the offset reached."""
        return self.keep()

    @property
    def silence_seconds(self) -> float | None:
        """After how long without a byte to :meth:`rest`; None: there is no need to."""
        return silence_of(get_store(self.session.store))

    def rest(self) -> None:
        """The sender has stopped for now: keep what came, for whoever takes over, here or on another machine."""
        if self._chunk is not None and self._chunk.try_to_keep():
            self._offset = self._chunk.span.offset + self._chunk.received
            self._chunk = None

    def keep(self) -> int:
        """Make everything that arrived so far durable, and go on; the upload resumes at the offset returned."""
        chunk, self._chunk = self._chunk, None
        if chunk is not None:
            try:
                chunk.keep()
            finally:
                self._offset = chunk.span.offset + chunk.received
        return self._offset

    def _open_chunk(self) -> PartialChunk:
        end = self._grid.end
        if self._offset >= end:
            raise TooLarge(f"The file has {end} bytes; more arrived.", limit=end)
        index, start = divmod(self._offset, self._grid.chunk_size)
        span = self._grid.span(index)
        running_hash = hash_over_kept(self.session, span) if start else resumable_hash.new()
        if start and self.session.partial_size != start:
            raise OffsetMismatch(span.offset, self._offset)  # What was kept is damaged.
        self._chunk = PartialChunk(self.session, span, self.token, start=start, running_hash=running_hash)
        return self._chunk


def take_over(session: UploadSession) -> UUID:
    """Become the newest sequential request of a session; an older one is ended. Returns its token.

    Raises:
        SessionGone, Conflict: the session takes no more bytes.
    """
    open_appends.hand_over(session.pk)
    token = ledger.supersede_append(session)
    open_appends.end_superseded(session.pk)
    return token


def _take_over_at(session: UploadSession, offset: int) -> UUID:
    """As :func:`take_over`, by a request that continues at ``offset``: only if that is right, so that of two senders at
    one offset one goes on."""
    while True:
        ledger.require_active(session)
        reached = append_offset(session)
        if offset != reached:
            raise OffsetMismatch(reached, offset)
        token = ledger.try_to_supersede_append(session)
        if token is not None:
            open_appends.end_superseded(session.pk)
            return token


def append_offset(session: UploadSession) -> int:
    """Where a sequential sender continues: everything before it is stored."""
    chunks = ledger.contiguous_chunks(session)
    if chunks == session.total_chunks:
        return session.total_size or 0
    offset = chunks * session.chunk_size
    if session.partial_index != chunks or not session.partial_size:
        return offset
    hash_over_kept(session, session.grid.span(chunks))
    return offset + session.partial_size if session.partial_index == chunks else offset


def record_kept_part(session: UploadSession) -> None:
    """Record the kept part of the last chunk, once the declared size shows that it is the whole of it."""
    chunks = ledger.contiguous_chunks(session)
    if session.total_chunks is None or chunks >= session.total_chunks or session.partial_index != chunks:
        return
    span = session.grid.span(chunks)
    if session.partial_size != span.size or session.append_token is None:
        return
    running_hash = hash_over_kept(session, span)
    if not session.partial_size:
        return
    PartialChunk(session, span, session.append_token, start=span.size, running_hash=running_hash).finish()
