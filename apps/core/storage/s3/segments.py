"""The first bytes of a chunk that is not whole yet: small objects of their own, named in the ledger.

A part of a multipart upload cannot be appended to, and all but the last have a smallest size. So what a sequential
sender leaves of a chunk is put into an object of its own, a *segment*, each time it is kept. When the chunk is whole,
its part is put together from its segments and from what came last; only once that is recorded they go. Where there are
many, the next one takes all of them in.
"""

from __future__ import annotations

import hashlib
import io
from collections.abc import Sequence
from typing import Any

from ...conf import MIB
from ..base import Segment, Staged
from ..errors import SegmentsMissing, StagingMissing
from .bucket import Bucket
from .buffer import PartBuffer
from .reader import ObjectReader

MOST_SEGMENTS = 64
"""Of one chunk; the next one takes all of them in."""


class SegmentsReader(io.RawIOBase):
    """The bytes of segments that lie one behind the other, in order."""

    def __init__(self, bucket: Bucket, segments: Sequence[Segment]) -> None:
        super().__init__()
        self._bucket = bucket
        self._left = list(segments)
        self._reader: ObjectReader | None = None

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        """
        Raises:
            StagingMissing: a segment is gone.
            Unavailable: the store does not answer.
        """
        while self._reader is not None or self._left:
            if self._reader is None:
                segment = self._left.pop(0)
                self._reader = ObjectReader(self._bucket, segment.name, segment.size)
            count = self._reader.readinto(buffer)
            if count:
                return count
            self._reader.close()
            self._reader = None
        return 0


def append_segments(bucket: Bucket, segments: Sequence[Segment], buffer: PartBuffer) -> None:
    """Read segments into a buffer.

    Raises:
        SegmentsMissing: they are not all there.
        StorageFull, Unavailable: the store does not answer, or the buffer has no room.
    """
    try:
        with io.BufferedReader(SegmentsReader(bucket, segments), MIB) as reader:
            while block := reader.read1():
                buffer.append(block)
    except StagingMissing as error:
        raise SegmentsMissing from error
    if buffer.size != sum(segment.size for segment in segments):
        raise SegmentsMissing


def put_segment(bucket: Bucket, staged: Staged, index: int, start: int, buffer: PartBuffer) -> Segment:
    """Make a segment of what a buffer has.

    Raises:
        StorageFull, Unavailable: it was not stored, as far as we know.
    """
    key = bucket.keys.segment(staged.upload_id, index, start)
    bucket.put(key, buffer.body(), _digest_of(buffer))
    return Segment(start, buffer.size, key)


def _digest_of(buffer: PartBuffer) -> bytes:
    body = buffer.body()
    if isinstance(body, bytearray):
        return hashlib.sha256(body).digest()
    digest = hashlib.file_digest(body, "sha256").digest()  # type: ignore[arg-type]
    body.seek(0)
    return digest
