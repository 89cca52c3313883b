"""Bytes on their way into a storage, hashed as they are read: what arrives there is what was verified."""

from __future__ import annotations

import hashlib
import os
import threading
from collections.abc import Callable, Iterator
from typing import Any, BinaryIO

from django.core.files import File
from django.core.files.storage import Storage
from django.db import connection

from ..conf import MIB
from ..errors import Unavailable
from ..hashing import sha256_of_blocks


class StreamedOtherwise(Unavailable):
    """Other bytes were read than were verified: a disk that rots, at this very moment. The next attempt reads anew."""


class StreamedContent(File):  # type: ignore[type-arg]
    """A file for ``Storage.save``.

    Args:
        stored: the verified bytes, from the start.
        size: how many of them.
        sha256: what they have.
        at_block: called before each block, in whatever thread the storage reads; a connection to the database that it
            opens in a thread of the storage's own is closed, which nobody else would do.
    """

    content_type = "application/octet-stream"

    def __init__(
        self, stored: BinaryIO, size: int, sha256: str, *, name: str, at_block: Callable[[], None] = lambda: None
    ) -> None:
        super().__init__(stored, name)
        self._stored = stored
        self.size = size
        self._sha256 = sha256
        self._at_block = at_block
        self._thread = threading.current_thread()
        self._position = 0
        self._digest = hashlib.sha256()
        self._hashed = 0

    @property
    def is_proven(self) -> bool:
        """Whether all was read once, in order, and is what was verified."""
        return self._hashed == self.size and self._digest.hexdigest() == self._sha256

    def read(self, size: int = -1) -> bytes:
        try:
            self._at_block()
        finally:
            if threading.current_thread() is not self._thread:
                connection.close()
        left = self.size - self._position
        wanted = left if size is None or size < 0 else min(size, left)
        block = self._stored.read(wanted) if wanted else b""
        if self._hashed == self._position:
            self._digest.update(block)
            self._hashed += len(block)
        self._position += len(block)
        return block

    def chunks(self, chunk_size: int | None = None) -> Iterator[bytes]:
        self.seek(0)
        while block := self.read(chunk_size or MIB):
            yield block

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        origin = {os.SEEK_SET: 0, os.SEEK_CUR: self._position, os.SEEK_END: self.size}[whence]
        self._position = max(0, min(origin + offset, self.size))
        self._stored.seek(self._position)
        return self._position

    def tell(self) -> int:
        return self._position

    def seekable(self) -> bool:
        return True

    def readable(self) -> bool:
        return True

    def multiple_chunks(self, chunk_size: int | None = None) -> bool:
        return self.size > (chunk_size or MIB)

    def require_kept(self, storage: Storage, saved: str) -> None:
        """The storage took all bytes as they are. Where it did not read them all in their order, its copy is read.

        Raises:
            Unavailable: it did not.
            StreamedOtherwise: it has other bytes.
        """
        if storage.size(saved) != self.size:
            raise Unavailable("The storage did not keep all bytes; try again.")
        if self.is_proven:
            return
        with storage.open(saved) as copy:
            require_sha256(copy, self._sha256)


def require_sha256(copy: Any, sha256: str) -> None:
    """
    Raises:
        StreamedOtherwise: a file in a storage has other bytes than were verified.
    """
    if sha256_of_blocks(copy.chunks(MIB)) != sha256:
        raise StreamedOtherwise("The storage keeps other bytes than were verified.")
