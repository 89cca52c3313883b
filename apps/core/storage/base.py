"""The interface of a store. A store knows upload ids, chunks and bytes; nothing of owners, receipts or HTTP."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import lru_cache
from pathlib import Path
from typing import Any, BinaryIO, Protocol, TypeGuard, runtime_checkable
from uuid import UUID

from django.core.files.storage import Storage

from ..grid import Span


@dataclass(frozen=True, slots=True)
class Staged:
    """The staged bytes of one upload. ``handle`` is what :meth:`Store.begin` gave for them."""

    upload_id: UUID
    handle: str = ""


@dataclass(frozen=True, slots=True)
class StoredPart:
    """A chunk as its receipt has it: ``etag`` is what :meth:`Writer.commit` gave, ``sha256`` has 32 bytes."""

    index: int
    offset: int
    size: int
    etag: str
    sha256: bytes


@dataclass(frozen=True, slots=True)
class Segment:
    """Bytes of a chunk from ``start`` on, kept under a name of their own until the chunk is whole."""

    start: int
    size: int
    name: str


@dataclass(frozen=True, slots=True)
class Reopened:
    """Staged bytes that take chunks again: their handle, and the chunks that are there with their ETags from now on."""

    handle: str
    etags: dict[int, str]


@dataclass(frozen=True, slots=True)
class PublishedObject:
    """A published file, as the store sees it."""

    name: str
    size: int
    modified: datetime


class WriteGuard(Protocol):
    """What a writer asks before it puts bytes on a disk: the ledger decides, not what a store remembers."""

    def may_write(self) -> bool:
        """Whether the chunk may be written: it is not recorded, and its session takes chunks. Asked while the caller
        has the chunk for itself."""

    def reserve_spool(self, size: int) -> None:
        """Count bytes that will lie beside those of another sender of the same chunk.

        Raises:
            QuotaExceeded: they do not fit.
        """

    def release_spool(self) -> None:
        """They are gone again."""


class Writer(Protocol):
    """Stores the bytes of one chunk as they arrive, without disturbing what is stored for it already.

    Blocks given to :meth:`write` may stay in memory, or go to a place where they can be told apart from recorded
    bytes, until :meth:`commit` makes them the chunk's bytes.
    """

    @property
    def held_bytes(self) -> int:
        """Bytes in memory alone."""

    def write(self, block: bytes) -> None:
        """Take the next bytes.

        Raises:
            StorageFull: the store has no room; nothing recorded is touched, and what was in memory alone still is.
            QuotaExceeded: bytes beside those of another sender do not fit the owner's quota.
        """

    def commit(self, entry: Any, digest: bytes) -> str:
        """Make everything written the chunk's stored bytes, behind what is kept of it.

        Args:
            entry: what ``exclusive`` gave for this chunk, where the store has :class:`ChunkLocks`.
            digest: the SHA-256 of the whole chunk, 32 bytes; a store that can compares it with what it gets.

        Returns:
            The store's own name for these bytes (an ETag), kept in the receipt; empty where it has none.

        Raises:
            WriterSuperseded: a newer writer took the chunk over.
            StagingMissing: the upload's staged bytes are gone.
            StorageFull: the store has no room.
            Unavailable: the store does not answer; what was written is still there, to be committed later.
        """

    def commit_partial(self, entry: Any) -> Segment | None:
        """Like :meth:`commit`, for the first part of a chunk whose rest will be written by a later writer.

        Returns:
            Where a store that has :class:`KeptSegments` put what was written.
        """

    def write_out(self, digest: bytes | None = None) -> None:
        """Leave nothing in memory, though nothing is committed yet: the sender is slow, or has more to send.

        Args:
            digest: of the whole chunk, if all of it is there; the caller has reserved it, if it cannot be locked.

        Raises:
            StorageFull, QuotaExceeded, Unavailable: as :meth:`write`.
        """

    def drop_held(self) -> None:
        """Forget what is in memory alone, so that what was written before can be committed without it."""

    def discard(self) -> None:
        """Give up what was not committed. Safe to call at any time, any number of times."""


class Store(Protocol):
    """Staging and published files."""

    @property
    def min_chunk_size(self) -> int:
        """Smallest chunk in bytes that this store can take (but for the last one)."""

    @property
    def published(self) -> Storage:
        """Django storage of the published files."""

    @property
    def verifies_parts(self) -> bool:
        """Whether it compared each chunk with its SHA-256 itself, and :meth:`seal` makes a file of just these: then
        nothing must be read again to know what is stored."""

    @property
    def reads_cost(self) -> bool:
        """Whether bytes are best read once and in order, because each read is a request."""

    @property
    def orphan_age(self) -> timedelta:
        """Staged bytes without an open session are orphans once they are older than this."""

    def begin(self, upload_id: UUID, *, mime_type: str) -> str:
        """Make room for an upload. Returns the handle to keep with the session; a new one if the store has handles."""

    def require_room(self, size: int) -> None:
        """
        Raises:
            StorageFull: ``size`` more bytes would leave less free than the ``min_free_disk_bytes`` setting.
        """

    def writer(
        self,
        staged: Staged,
        span: Span,
        guard: WriteGuard,
        *,
        start: int = 0,
        supersede: bool = False,
        segments: Sequence[Segment] = (),
    ) -> Writer:
        """A writer for one chunk, from byte ``start`` of it on.

        Args:
            supersede: end a writer at work on the same chunk at once (sequential protocols, where the newest request
                rules); without it both may continue and the first to commit wins.
            segments: where what is kept before ``start`` is, in a store that has :class:`KeptSegments`.
        """

    def seal(self, staged: Staged, parts: Iterable[StoredPart], lease: UUID, keep: Callable[[], None]) -> None:
        """Let no writer change a byte any more. Sealing what is sealed, or published, is a success.

        From now on only who brings ``lease`` may publish or reopen, where a store can tell: an assembly that was
        stopped, and lost its lease, cannot move away what its successor verified, or has handed back to the sender.
        Where publishing moves nothing the ledger alone says which assembly counts.

        Args:
            parts: all chunks, in order.
            keep: called now and then while it takes long; ends it by raising.

        Raises:
            PartsChanged: parts are not those of the receipts, which only a store that cannot lock finds out here.
        """

    def reopen(
        self, staged: Staged, intact: Iterable[StoredPart], lease: UUID, keep: Callable[[], None], *, mime_type: str
    ) -> Reopened:
        """Take chunks again after :meth:`seal`, with the intact ones in their places, as far as they are there.

        Of what was published too, by an assembly that died before that was recorded. With another handle than before
        nothing that the old one names was touched.

        Args:
            keep: as of :meth:`seal`.

        Raises:
            SealLost: somebody else sealed it since.
        """

    def open(self, staged: Staged) -> BinaryIO:
        """The stored bytes of a sealed or published upload, from the start. Some stores can read unsealed ones too.

        Raises:
            StagingMissing: there are none.
        """

    def open_kept(self, staged: Staged, span: Span, segments: Sequence[Segment]) -> BinaryIO:
        """What is kept of a chunk that is not whole yet, from its start; bytes behind it may follow.

        Raises:
            StagingMissing: it is gone.
        """

    def publish(self, staged: Staged, size: int, lease: UUID) -> str:
        """Flush the bytes to disk and publish them in one atomic step; returns the name in :attr:`published`.

        Bytes behind ``size`` are cut off. Publishing what is published is a success.

        Raises:
            SealLost: somebody else sealed it since, or reopened it.
            StagingMissing: there is nothing to publish.
        """

    def name_of(self, staged: Staged) -> str:
        """The name that :meth:`publish` gives, or gave."""

    def discard(self, staged: Staged) -> None:
        """Remove staged bytes, sealed or not. Files that were published by a rename are not touched."""

    def discard_orphan(self, staged: Staged) -> None:
        """Remove what :meth:`staged` listed, and nothing that was sealed since."""

    def remove(self, name: str) -> None:
        """Remove a published file. Removing what is gone is a success."""

    def staged(self) -> Iterator[tuple[Staged, datetime]]:
        """Every upload with staged bytes, and when they were last written."""

    def objects(self) -> Iterator[PublishedObject]:
        """Every published file."""

    def trash(self, name: str) -> None:
        """Put a published file aside, where nothing reads it, until :meth:`empty_trash`."""

    def empty_trash(self, age: timedelta, is_needed: Callable[[str], bool]) -> int:
        """Remove for good what was put aside longer ago than ``age``; returns how many files.

        Args:
            is_needed: whether a file has its record again, as after the right database was restored. Where nothing was
                moved, it is put back.
        """

    def identity(self) -> str:
        """An id of this store, made when it is first asked for and kept in it."""

    def check(self) -> None:
        """Write, flush and remove a small file.

        Raises:
            OSError: the store does not work.
        """


class ChunkLocks(Protocol):
    """What a store can do besides that can lock a chunk (:func:`locks_chunks`). For others the ledger reserves it: see
    ``services.cells``."""

    def exclusive(self, staged: Staged, index: int) -> AbstractContextManager[Any]:
        """Have one chunk for oneself, against all threads and processes, for milliseconds and never over network waits.

        Raises:
            StagingMissing: the upload's staged bytes are gone.
        """

    def exclusive_run(self, staged: Staged, first: int, count: int) -> AbstractContextManager[list[Any]]:
        """Have several chunks in a row for oneself, as :meth:`exclusive` one; an entry for each.

        Raises:
            StagingMissing: the upload's staged bytes are gone.
        """


def locks_chunks(store: Store) -> TypeGuard[ChunkLocks]:
    """Whether a store has :class:`ChunkLocks`."""
    return _has_chunk_locks(type(store))


@lru_cache(maxsize=32)
def _has_chunk_locks(kind: type) -> bool:
    """Asked for each chunk several times, which ``isinstance`` of a protocol is slow at."""
    return hasattr(kind, "exclusive") and hasattr(kind, "exclusive_run")


@runtime_checkable
class KeptSegments(Protocol):
    """What a store can do besides that keeps the first part of a chunk as segments, and not in its place."""

    def remove_segments(self, segments: Sequence[Segment]) -> None:
        """Remove segments that nothing names any more. Removing what is gone is a success."""

    def remove_all_segments(self, staged: Staged) -> None:
        """Remove all segments of an upload that takes no more bytes."""


@runtime_checkable
class SignedDownloads(Protocol):
    """What a store can do besides whose published files may be fetched from where they lie."""

    def download_url(self, name: str, *, filename: str, mime_type: str) -> str | None:
        """An address that gives a published file as an attachment of this name and type to whoever has it, for a short
        time; None if downloads are to go through the server."""


@runtime_checkable
class CheckedStore(Protocol):
    """What a store can do besides that has more to be set up than a directory, for ``manage.py check``."""

    def wrong_settings(self) -> list[str]:
        """What cannot work, without asking anybody."""

    def what_it_can(self) -> str:
        """What was found out about it.

        Raises:
            Unavailable: it does not answer.
        """

    def worries(self) -> list[str]:
        """What is set up there as it should not be.

        Raises:
            Unavailable: it does not answer.
        """


@runtime_checkable
class MovableFiles(Protocol):
    """What a store can do besides whose staged bytes are one file: it can be renamed into another directory."""

    @property
    def device(self) -> int:
        """The file system where staged bytes are, as ``os.stat`` numbers it."""

    def moving(self, staged: Staged, size: int, lease: UUID) -> AbstractContextManager[Path]:
        """The file, flushed and cut at ``size``, to be moved away meanwhile; nobody else can touch it.

        Raises:
            SealLost: somebody else sealed it since.
            StagingMissing: it is gone.
        """
