"""A chunk of which whatever has arrived is kept, for whoever sends the rest of it.

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
from ..errors import ChunkSuperseded, StorageFull, Unavailable, UploadError
from ..grid import Span
from ..models import UploadSession
from ..resumable_hash import RunningHash
from ..storage import KeptSegments, StagingMissing, WriterSuperseded, get_store
from . import cells, ledger, sequential_ledger
from .cells import Cell
from .receiving import ChunkSink, StoredChunk, staging_lost
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
        with self._falling_back():
            self._take(block)
        if not self._writer.held_bytes:
            self._flushed = (self.received, self._digest.copy())

    def finish(self) -> StoredChunk:
        with self._falling_back():
            self._check_whole()
            stored = self._commit_or_compare()
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

    @contextmanager
    def _falling_back(self) -> Iterator[None]:
        """Where the store takes no more, what reached it can be kept; after anything else nothing is."""
        try:
            yield
        except (StorageFull, Unavailable):
            self._fall_back()
            raise
        except BaseException:
            self.abort()
            raise

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


def hash_over_kept(session: UploadSession, span: Span) -> RunningHash:
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
