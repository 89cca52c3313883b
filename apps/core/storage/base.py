"""The interface of a store. A store knows upload ids, chunks and bytes; nothing of owners, receipts or HTTP."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager
from datetime import datetime
from typing import Any, BinaryIO, Protocol
from uuid import UUID

from django.core.files.storage import Storage

from ..grid import Span


class Entry(Protocol):
    """Proof that the caller has one chunk of one upload for itself, for a short time without network waits."""

    @property
    def is_untouched(self) -> bool:
        """Whether nothing was ever settled or kept here, and nobody writes in place: then nothing can be recorded."""


class Writer(Protocol):
    """Stores the bytes of one chunk as they arrive, without disturbing what is stored for it already.

    Blocks given to :meth:`write` may stay in memory, or go to a place where they can be told apart from recorded
    bytes, until :meth:`settle` makes them the chunk's bytes.
    """

    def write(self, block: bytes) -> None:
        """Take the next bytes.

        Raises:
            StorageFull: the store has no room; nothing recorded is touched.
        """

    def settle(self, entry: Any) -> None:
        """Make everything written the chunk's stored bytes. ``entry`` is what ``store.exclusive`` gave for this chunk.

        Raises:
            WriterDisplaced: a newer writer took the chunk over.
            StorageFull: the store has no room.
        """

    def keep(self, entry: Any) -> None:
        """Like :meth:`settle`, for the first part of a chunk whose rest will be written by a later writer."""

    def discard(self) -> None:
        """Give up what was not settled. Safe to call at any time, any number of times."""


class Store(Protocol):
    """Staging and published files."""

    @property
    def min_chunk_size(self) -> int:
        """Smallest chunk in bytes that this store can take (but for the last one)."""

    @property
    def published(self) -> Storage:
        """Django storage of the published files."""

    def begin(self, upload_id: UUID) -> None:
        """Make room for an upload. Does nothing when it is there."""

    def writer(self, upload_id: UUID, span: Span, *, start: int = 0, take_over: bool = False) -> Writer:
        """A writer for one chunk, from byte ``start`` of it on.

        ``take_over`` displaces a writer at work on the same chunk at once (sequential protocols, where the newest
        request rules); without it both may go on and the first to settle wins.
        """

    def exclusive(self, upload_id: UUID, index: int) -> AbstractContextManager[Entry]:
        """Have one chunk for oneself, against all threads and processes, for milliseconds and never over network waits.

        Raises:
            StagingMissing: the upload's staged bytes are gone.
        """

    def frozen(self, upload_id: UUID) -> AbstractContextManager[None]:
        """Have all chunks for oneself: waits until every :meth:`exclusive` section of the upload is done."""

    def open(self, upload_id: UUID) -> BinaryIO:
        """The stored bytes of an upload, staged or published, from the start.

        Raises:
            StagingMissing: there are none.
        """

    def publish(self, upload_id: UUID, size: int) -> str:
        """Flush the bytes to disk and publish them in one atomic step; returns the name in :attr:`published`.

        Bytes behind ``size`` are cut off. Publishing what is published is a success.
        """

    def discard(self, upload_id: UUID) -> None:
        """Remove staged bytes. Published files are not touched."""

    def staged(self) -> Iterator[tuple[UUID, datetime]]:
        """Every upload with staged bytes, and when they were last written."""

    def free_bytes(self) -> int:
        """Room left for new bytes."""

    def check(self) -> None:
        """Write, flush and remove a small file.

        Raises:
            OSError: the store does not work.
        """
