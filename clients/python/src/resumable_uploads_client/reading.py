"""Reads a source chunk by chunk; each byte goes into its chunk's SHA-256 once, and into no other unless asked to."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from .digests import composite_of
from .errors import FileChanged
from .sources import Source

BLOCK_BYTES = 2**20


@dataclass(frozen=True)
class Chunk:
    """One cell of the grid, read and digested."""

    index: int
    data: memoryview
    digest: bytes


class Reading:
    """The chunks of one source.

    Args:
        with_sha256: whether the SHA-256 of the whole is wanted of a stream, which passes by once.

    Attributes:
        size: bytes, once they are known.
        digests: of the chunks that were read, by index.
    """

    def __init__(self, source: Source, chunk_size: int, *, with_sha256: bool = False) -> None:
        self._source = source
        self._chunk_size = chunk_size
        self._whole = hashlib.sha256() if with_sha256 and not source.rewindable else None
        self.size = source.size or 0
        self.digests: dict[int, bytes] = {}

    def run(self, wanted: Callable[[int], bool], deliver: Callable[[Chunk], None]) -> None:
        """Read what is wanted; ``deliver`` gets the chunks and may block while there are enough in memory.

        Raises:
            FileChanged: the source is not what it was.
            OSError: it cannot be read.
        """
        if self._source.size is None:
            self._run_to_the_end(deliver)
            return
        for index in self._indices():
            if wanted(index):
                deliver(self.chunk(index))
        self._source.check_unchanged()

    def _run_to_the_end(self, deliver: Callable[[Chunk], None]) -> None:
        index, size = 0, self._chunk_size
        while size == self._chunk_size and (data := self._source.read(self.size, self._chunk_size)):
            size = len(data)
            self.size += size
            if self._whole is not None:
                self._whole.update(data)
            deliver(self._digested(index, data))
            index += 1

    def chunk(self, index: int) -> Chunk:
        """One chunk of a source that can be rewound.

        Raises:
            FileChanged: it is not what it was.
            OSError: it cannot be read.
        """
        self._source.check_unchanged()
        start = index * self._chunk_size
        data = self._source.read(start, self._chunk_size)
        if len(data) != min(self._chunk_size, self.size - start):
            raise FileChanged(f"{self._source.name} changed while it was being uploaded.")
        return self._digested(index, data)

    def composite(self) -> str:
        """The composite hash of the whole; chunks that were not read yet are read."""
        for index in self._indices():
            if index not in self.digests:
                self.chunk(index)
        self._source.check_unchanged()
        return composite_of(self.digests[index] for index in self._indices())

    def sha256(self) -> str:
        """The SHA-256 of the whole in hex: read again, but of a stream that has passed."""
        return self._whole.hexdigest() if self._whole is not None else sha256_of(self._source)

    def _indices(self) -> range:
        return range(-(-self.size // self._chunk_size))

    def _digested(self, index: int, data: bytes) -> Chunk:
        digest = hashlib.sha256(data).digest()
        if self.digests.setdefault(index, digest) != digest:
            raise FileChanged(f"{self._source.name} changed while it was being uploaded.")
        return Chunk(index, memoryview(data), digest)


def sha256_of(source: Source) -> str:
    """The SHA-256 of a whole source that can be rewound, in hex.

    Raises:
        FileChanged: it is not what it was.
    """
    digest = hashlib.sha256()
    for block in _blocks(source):
        digest.update(block)
    source.check_unchanged()
    return digest.hexdigest()


def composite_of_source(source: Source, chunk_size: int) -> str:
    """The composite hash that a source that can be rewound has in chunks of a size."""
    return Reading(source, chunk_size).composite()


def _blocks(source: Source) -> Iterator[bytes]:
    offset = 0
    while block := source.read(offset, BLOCK_BYTES):
        yield block
        offset += len(block)
