"""Reads a source once, in order: each byte goes into its chunk's SHA-256 and into that of the whole."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass

from .errors import FileChanged
from .sources import Source


@dataclass(frozen=True)
class Chunk:
    """One cell of the grid, read and digested."""

    index: int
    data: memoryview
    digest: bytes


class Reading:
    """One pass over a source.

    Attributes:
        size: bytes, once the pass is through.
        file_hash: SHA-256 of the whole in hex, once the pass is through.
    """

    def __init__(self, source: Source, chunk_size: int) -> None:
        self._source = source
        self._chunk_size = chunk_size
        self.size = 0
        self.file_hash = ""

    def run(self, wanted: Callable[[int], bool], deliver: Callable[[Chunk], None]) -> None:
        """Read to the end; ``deliver`` gets the wanted chunks and may block while there are enough in memory.

        Raises:
            FileChanged: the source is not what it was.
            OSError: it cannot be read.
        """
        whole = hashlib.sha256()
        index = 0
        while data := self._source.read(self.size, self._chunk_size):
            self.size += len(data)
            whole.update(data)
            if wanted(index):
                deliver(Chunk(index, memoryview(data), hashlib.sha256(data).digest()))
            index += 1
            if len(data) < self._chunk_size:
                break
        self._source.check_unchanged()
        if self._source.size not in (None, self.size):
            raise FileChanged(f"{self._source.name} changed while it was being uploaded.")
        self.file_hash = whole.hexdigest()

    def reread(self, index: int) -> Chunk:
        """One chunk again, of a source that can be rewound."""
        self._source.check_unchanged()
        data = self._source.read(index * self._chunk_size, self._chunk_size)
        return Chunk(index, memoryview(data), hashlib.sha256(data).digest())


def hash_of(source: Source, block_size: int = 2**20) -> str:
    """The SHA-256 of a whole source that can be rewound, in hex."""
    reading = Reading(source, block_size)
    reading.run(lambda index: False, lambda chunk: None)
    return reading.file_hash
