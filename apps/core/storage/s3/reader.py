"""An object as a seekable file: bytes come in ranges, each with one request, and are read on from there."""

from __future__ import annotations

import io
from contextlib import suppress
from typing import Any

from botocore.exceptions import BotoCoreError

from ...conf import MIB
from ..errors import StagingMissing
from .bucket import Bucket
from .errors import s3_errors

WINDOW = 32 * MIB
"""Bytes of one request: enough that requests do not count, few enough that who seeks throws little away."""
_TRIES = 3


class ObjectReader(io.RawIOBase):
    """Reads one object, of one size.

    Args:
        size: bytes of it.
    """

    def __init__(self, bucket: Bucket, key: str, size: int) -> None:
        super().__init__()
        self._bucket = bucket
        self.key = key
        self._size = size
        self._position = 0
        self._body: Any = None
        self._body_end = 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._position

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        base = {io.SEEK_SET: 0, io.SEEK_CUR: self._position, io.SEEK_END: self._size}[whence]
        if base + offset != self._position:
            self._let_go()
        self._position = base + offset
        return self._position

    def readinto(self, buffer: Any) -> int:
        """
        Raises:
            StagingMissing: the object is gone.
            Unavailable: the store does not answer.
        """
        view = memoryview(buffer).cast("B")
        block = self._read(len(view))
        view[: len(block)] = block
        return len(block)

    def _read(self, size: int) -> bytes:
        if self._position >= self._size or not size:
            return b""
        with s3_errors():
            block = self._read_on(size)
        self._position += len(block)
        return block

    def _read_on(self, size: int) -> bytes:
        """The next bytes; from where it broke off, if the connection does."""
        for attempt in range(1, _TRIES + 1):
            try:
                if self._body is None or self._position >= self._body_end:
                    self._ask()
                block: bytes = self._body.read(min(size, self._body_end - self._position))
                if block:
                    return block
            except BotoCoreError:
                if attempt == _TRIES:
                    raise
            self._let_go()
        raise StagingMissing  # It ends before its size.

    def _ask(self) -> None:
        self._let_go()
        end = min(self._position + WINDOW, self._size)
        self._body = self._bucket.get(self.key, Range=f"bytes={self._position}-{end - 1}")["Body"]
        self._body_end = end

    def _let_go(self) -> None:
        if self._body is not None:
            with suppress(Exception):
                self._body.close()
        self._body = None

    def close(self) -> None:
        self._let_go()
        super().close()
