"""How one request's bytes of one chunk reach the bucket: as a part, or as a segment of one that is not whole."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from typing import Any

from ...grid import Span
from ..base import Segment, Staged
from .bucket import Bucket
from .buffer import PartBuffer, Spool
from .multipart import Multipart
from .segments import MOST_SEGMENTS, append_segments, put_segment


class S3Writer:
    """One sender of one chunk. Nothing reaches the bucket before it is committed, or is whole and written out."""

    held_bytes = 0
    """What was taken stays until it is committed or discarded, wherever it lies."""

    def __init__(
        self,
        bucket: Bucket,
        spool: Spool,
        staged: Staged,
        multipart: Multipart,
        span: Span,
        segments: Sequence[Segment],
    ) -> None:
        self._bucket = bucket
        self._spool = spool
        self._staged = staged
        self._multipart = multipart
        self._span = span
        self._segments = segments
        self._start = sum(segment.size for segment in segments)
        self._buffer = PartBuffer(spool, span.size - self._start)
        self._etag: str | None = None
        """Of the part, once it is in the bucket."""

    def write(self, block: bytes | memoryview) -> None:
        self._buffer.append(block)

    def write_out(self, digest: bytes | None = None) -> None:
        if digest is None:
            self._buffer.to_disk()
        else:
            self.commit(None, digest)

    def commit(self, entry: Any, digest: bytes) -> str:
        if self._etag is None:
            self._etag = self._put_part(digest)
            self._buffer.close()
        return self._etag

    def _put_part(self, digest: bytes) -> str:
        if not self._segments:
            return self._multipart.put(self._span.index, self._buffer.body(), digest)
        with self._whole() as whole:
            return self._multipart.put(self._span.index, whole.body(), digest)

    def commit_partial(self, entry: Any) -> Segment:
        if len(self._segments) < MOST_SEGMENTS:
            return put_segment(self._bucket, self._staged, self._span.index, self._start, self._buffer)
        with self._whole() as whole:
            return put_segment(self._bucket, self._staged, self._span.index, 0, whole)

    @contextmanager
    def _whole(self) -> Iterator[PartBuffer]:
        """What is kept, and what came behind it."""
        with closing(PartBuffer(self._spool, self._start + self._buffer.size)) as whole:
            append_segments(self._bucket, self._segments, whole)
            whole.append_all(self._buffer)
            yield whole

    def drop_held(self) -> None:
        """Nothing is in memory alone that could be kept without it."""

    def discard(self) -> None:
        self._buffer.close()
