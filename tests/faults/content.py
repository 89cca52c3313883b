"""Files that are never in memory as a whole: each chunk can be made again, and no two chunks are alike."""

from __future__ import annotations

import hashlib
import itertools
import random
from functools import cached_property

KIB = 1024
MIB = 1024 * KIB

_NOISE = random.Random(20261125).randbytes(MIB)
_serial = itertools.count(1)


class Content:
    """The bytes of one file, as a client has them.

    Args:
        size: of the whole file.
        chunk_size: of its chunks.
    """

    def __init__(self, size: int, chunk_size: int) -> None:
        self.size = size
        self.chunk_size = chunk_size
        self.name = f"fault-{next(_serial)}.bin"

    @property
    def count(self) -> int:
        return -(-self.size // self.chunk_size)

    def chunk(self, index: int) -> bytes:
        size = min(self.chunk_size, self.size - index * self.chunk_size)
        head = hashlib.sha256(f"{self.name}/{index}".encode()).digest()
        start = int.from_bytes(head[:2], "big")
        noise = _NOISE[start : start + size]
        noise += _NOISE * -(-(size - len(noise)) // MIB)
        return (head + noise)[:size]

    @cached_property
    def sha256(self) -> str:
        digest = hashlib.sha256()
        for index in range(self.count):
            digest.update(self.chunk(index))
        return digest.hexdigest()
