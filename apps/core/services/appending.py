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

Kept parts
    What arrived of a chunk when the body was cut short is committed as a *partial*: its size and SHA-256 stand in the
    row, and count towards the offset while they describe the bytes that are stored. A later request continues behind
    it, and never writes before its end: whatever becomes of that request, the part stays. The running hash stands in
    the row too, so that small steps do not read a chunk again each time; under another boot it is worth nothing (see
    ``resumable_hash``), and the part is read again and compared.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any
from uuid import UUID

from .. import resumable_hash
from ..conf import MIB
from ..errors import ChunkSuperseded, OffsetMismatch, StorageFull, TooLarge, Unavailable, UploadError
from ..grid import Span
from ..models import UploadSession
from ..resumable_hash import RunningHash
from ..storage import KeptSegments, StagingMissing, WriterSuperseded, get_store
from . import cells, ledger, open_appends, sequential_ledger
from .cells import Cell
from .receiving import ChunkSink, StoredChunk, silence_of, staging_lost
from .sequential_ledger import KeptPart, Run, Stored

logger = logging.getLogger(__name__)


class PartialChunk(ChunkSink):
    """A chunk of which whatever has arrived can be kept."""

    def __init__(
        self, session: UploadSession, span: Span, token: UUID, *, start: int, running_hash: RunningHash
    ) -> None:
        segments = sequential_ledger.segments_of(session, span.index) if start else ()
        super().__init__(session, span, append_token=token, start=start, running_hash=running_hash, segments=segments)
        self._token = token
        self._kept = start
        self._segments = segments
        self._cell = Cell()
        self._flushed = (start, self._digest.copy())
        """How many bytes were on the disk and not in memory alone, and the hash over them."""

    def receive(self, block: bytes) -> None:
        try:
            self._take(block)
        except (StorageFull, Unavailable):
            self._fall_back()
            raise
        except BaseException:
            self.abort()
            raise
        if not self._writer.held_bytes:
            self._flushed = (self.received, self._digest.copy())

    def finish(self) -> StoredChunk:
        try:
            self._check_whole()
            stored = self._commit_or_compare()
        except (StorageFull, Unavailable):
            self._fall_back()
            raise
        except BaseException:
            self.abort()
            raise
        self._writer.discard()
        self.forget_segments()
        return stored

    def forget_taken_in(self, part: KeptPart) -> None:
        """Remove the segments that the last one has taken in."""
        if part.segment is not None and part.segment.start == 0:
            self.forget_segments()

    def forget_segments(self) -> None:
        """Remove what the chunk was put together from. What is left of it goes with the session."""
        if self._segments and isinstance(self._store, KeptSegments):
            with suppress(UploadError):
                self._store.remove_segments(self._segments)

    @property
    def has_new_bytes(self) -> bool:
        """Whether anything arrived behind what was kept."""
        return self.received > self._kept

    @property
    def digest(self) -> bytes:
        """SHA-256 of what is there of it."""
        return self._digest.digest()

    def write_out(self) -> None:
        """Leave nothing of a whole chunk in memory, though nothing may be recorded yet."""
        self._check_whole()
        if ledger.recorded_digest(self.session, self.span.index, self._token) is None:
            self._cell = cells.reserve(self.session, self._store, self.span.index, self.digest)
            with self._settled():
                self._writer.write_out(self.digest)
        else:
            self._writer.discard()  # It is only compared.

    def commit_to(self, run: Run, entry: Any) -> None:
        """Make the bytes the chunk's, and note what is to be recorded of it."""
        if self.room:
            run.part = self._commit_partial(entry)
            return
        etag = self._writer.commit(entry, self.digest)
        is_reserved = self._cell.reservation is not None
        run.chunks.append(Stored(self.span, self.received, self.digest, etag, is_reserved))

    def abort(self) -> None:
        super().abort()
        cells.release(self.session, self.span.index, self._cell)

    def _commit_partial(self, entry: Any) -> KeptPart:
        segment = self._writer.commit_partial(entry)
        state = resumable_hash.save(self._digest)
        return KeptPart(self.span.index, self.received, self.digest.hex(), state, segment)

    def _fall_back(self) -> bool:
        """Be again what reached the disk. False if that is all there was."""
        self._writer.drop_held()
        before, (self.received, self._digest) = self.received, self._flushed
        return self.received != before

    def keep(self) -> None:
        """Leave in place what arrived, for a later request; what a full disk has room for, if it is one.

        Raises:
            ChunkSuperseded, SessionGone, Conflict: a newer request superseded this one, or the session takes no more
                bytes.
            StorageFull, Unavailable: nothing more of it could be kept.
        """
        try:
            with self._settled():
                try:
                    self._keep_all()
                except (StorageFull, Unavailable):
                    if not self._fall_back():
                        raise
                    self._keep_all()
        except BaseException:
            self.received = self._kept
            raise
        finally:
            self._writer.discard()

    def try_to_keep(self) -> bool:
        """Keep what came, as :meth:`keep`; if the store takes nothing now it stays where it is, and False says so.

        Raises:
            ChunkSuperseded, SessionGone, Conflict: as :meth:`keep`.
        """
        try:
            with self._settled():
                self._keep_all()
        except (StorageFull, Unavailable) as error:
            logger.warning("bytes of a silent sender are not kept yet: %s", error)
            return False
        self._writer.discard()
        return True

    def _keep_all(self) -> None:
        if self.received == self._kept:
            return
        if not self.room:
            self._commit_or_compare()  # Its first try failed.
            return
        with cells.locked(self.session, self._store, self.span.index) as entry:
            if ledger.recorded_digest(self.session, self.span.index, self._token) is None:
                part = self._commit_partial(entry)
                sequential_ledger.record_partial(self.session, part, self._token)
                self.forget_taken_in(part)

    @contextmanager
    def _settled(self) -> Iterator[None]:
        try:
            yield
        except WriterSuperseded:
            raise ChunkSuperseded(self.span.index) from None
        except StagingMissing as error:
            raise staging_lost(self.session, error, self._token) from None


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
        running_hash = _hash_over_kept(self.session, span) if start else resumable_hash.new()
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
    _hash_over_kept(session, session.grid.span(chunks))
    return offset + session.partial_size if session.partial_index == chunks else offset


def record_kept_part(session: UploadSession) -> None:
    """Record the kept part of the last chunk, once the declared size shows that it is the whole of it."""
    chunks = ledger.contiguous_chunks(session)
    if session.total_chunks is None or chunks >= session.total_chunks or session.partial_index != chunks:
        return
    span = session.grid.span(chunks)
    if session.partial_size != span.size or session.append_token is None:
        return
    running_hash = _hash_over_kept(session, span)
    if not session.partial_size:
        return
    PartialChunk(session, span, session.append_token, start=span.size, running_hash=running_hash).finish()


def _hash_over_kept(session: UploadSession, span: Span) -> RunningHash:
    """The running hash over the kept part of a chunk: as it was saved in this boot, or else of the stored bytes.

    A part whose bytes are not those that were kept is forgotten: ``partial_size`` is 0 then.
    """
    part = KeptPart.of(session)
    running_hash = resumable_hash.load(part.state, part.size)
    if running_hash is not None:
        return running_hash
    running_hash = _hash_stored(session, span, part.size)
    if running_hash.digest().hex() == part.sha256:
        sequential_ledger.renew_partial(session, part, resumable_hash.save(running_hash))
    else:
        sequential_ledger.drop_partial(session, part)
    return running_hash


def _hash_stored(session: UploadSession, span: Span, size: int) -> RunningHash:
    running_hash = resumable_hash.new()
    try:
        segments = sequential_ledger.segments_of(session, span.index)
        with get_store(session.store).open_kept(session.staged, span, segments) as stored:
            while size and (block := stored.read(min(size, MIB))):
                running_hash.update(block)
                size -= len(block)
    except StagingMissing:
        pass
    return running_hash
