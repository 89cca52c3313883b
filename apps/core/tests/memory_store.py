"""A strict store in memory with an object store's rules.

Parts cannot be read until they are sealed; all but the last have a smallest size; nothing is locked, so a late writer
overwrites a part that is recorded; what is kept of a chunk is a segment of its own; publishing moves nothing.
"""

from __future__ import annotations

import hashlib
import io
import uuid
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, BinaryIO

from django.core.files.base import ContentFile, File
from django.core.files.storage import Storage
from django.utils import timezone

from apps.core.grid import Span
from apps.core.storage import (
    PartsChanged,
    PublishedObject,
    Reopened,
    Segment,
    SegmentsMissing,
    Staged,
    StagingMissing,
    StoredPart,
    WriteGuard,
)


@dataclass
class Bucket:
    """What a server would hold: multipart uploads by handle, segments and objects by name."""

    identity: str = field(default_factory=lambda: uuid.uuid4().hex)
    multipart: dict[str, dict[int, bytes]] = field(default_factory=dict)
    segments: dict[str, bytes] = field(default_factory=dict)
    objects: dict[str, bytes] = field(default_factory=dict)
    trash: set[str] = field(default_factory=set)


BUCKETS: dict[str, Bucket] = {}


def etag_of(part: bytes) -> str:
    return hashlib.sha256(part).hexdigest()


class _Objects(Storage):
    def __init__(self, bucket: Bucket) -> None:
        self._bucket = bucket

    def _open(self, name: str, mode: str = "rb") -> File[bytes]:
        if name not in self._bucket.objects:
            raise FileNotFoundError(name)
        return ContentFile(self._bucket.objects[name], name)


class _Writer:
    held_bytes = 0

    def __init__(self, bucket: Bucket, staged: Staged, index: int, segments: Sequence[Segment]) -> None:
        self._bucket = bucket
        self._staged = staged
        self._index = index
        self._segments = segments
        self._held = b""

    def write(self, block: bytes) -> None:
        self._held += block

    def commit(self, entry: Any, digest: bytes) -> str:
        parts = self._bucket.multipart.get(self._staged.handle)
        if parts is None:
            raise StagingMissing
        part = _joined(self._bucket, self._segments) + self._held
        assert hashlib.sha256(part).digest() == digest, "XAmzContentSHA256Mismatch"
        parts[self._index] = part
        return etag_of(part)

    def commit_partial(self, entry: Any) -> Segment:
        start = sum(segment.size for segment in self._segments)
        name = f"{self._staged.upload_id.hex}/{self._index}-{start}-{uuid.uuid4().hex}"
        self._bucket.segments[name] = self._held
        return Segment(start, len(self._held), name)

    def write_out(self, digest: bytes | None = None) -> None:
        if digest is not None:
            self.commit(None, digest)

    def drop_held(self) -> None:
        """What was taken stays until it is discarded."""

    def discard(self) -> None:
        self._held = b""


def _joined(bucket: Bucket, segments: Sequence[Segment]) -> bytes:
    if any(segment.name not in bucket.segments for segment in segments):
        raise SegmentsMissing
    return b"".join(bucket.segments[segment.name] for segment in segments)


class MemoryStore:
    verifies_parts = False
    reads_cost = True
    orphan_age = timedelta(hours=1)

    def __init__(self, bucket: str, min_chunk_size: int = 4) -> None:
        self.bucket = BUCKETS.setdefault(bucket, Bucket())
        self.min_chunk_size = min_chunk_size
        self.published: Storage = _Objects(self.bucket)

    def begin(self, upload_id: uuid.UUID, *, mime_type: str) -> str:
        handle = f"{upload_id.hex}:{uuid.uuid4().hex}"
        self.bucket.multipart[handle] = {}
        return handle

    def require_room(self, size: int) -> None:
        """There always is."""

    def writer(
        self,
        staged: Staged,
        span: Span,
        guard: WriteGuard,
        *,
        start: int = 0,
        supersede: bool = False,
        segments: Sequence[Segment] = (),
    ) -> _Writer:
        return _Writer(self.bucket, staged, span.index, segments)

    def seal(self, staged: Staged, parts: Iterable[StoredPart], lease: uuid.UUID, keep: Callable[[], None]) -> None:
        name = self.name_of(staged)
        if name in self.bucket.objects:
            return
        stored = self.bucket.multipart.get(staged.handle, {})
        named = list(parts)
        changed = [part.index for part in named if etag_of(stored.get(part.index, b"")) != part.etag]
        if changed:
            raise PartsChanged(changed)
        assert all(len(stored[part.index]) >= self.min_chunk_size for part in named[:-1]), "EntityTooSmall"
        self.bucket.objects[name] = b"".join(stored[part.index] for part in named)
        self.bucket.multipart.pop(staged.handle, None)

    def reopen(
        self,
        staged: Staged,
        intact: Iterable[StoredPart],
        lease: uuid.UUID,
        keep: Callable[[], None],
        *,
        mime_type: str,
    ) -> Reopened:
        kept = list(intact)
        if staged.handle in self.bucket.multipart:
            return Reopened(staged.handle, {part.index: part.etag for part in kept})
        whole = self.bucket.objects.get(self.name_of(staged))
        handle = self.begin(staged.upload_id, mime_type=mime_type)
        if whole is None:
            return Reopened(handle, {})
        copies = {part.index: whole[part.offset : part.offset + part.size] for part in kept}
        self.bucket.multipart[handle].update(copies)
        return Reopened(handle, {index: etag_of(copy) for index, copy in copies.items()})

    def open(self, staged: Staged) -> BinaryIO:
        if self.name_of(staged) not in self.bucket.objects:
            raise StagingMissing
        return io.BytesIO(self.bucket.objects[self.name_of(staged)])

    def open_kept(self, staged: Staged, span: Span, segments: Sequence[Segment]) -> BinaryIO:
        return io.BytesIO(_joined(self.bucket, segments))

    def remove_segments(self, segments: Sequence[Segment]) -> None:
        for segment in segments:
            self.bucket.segments.pop(segment.name, None)

    def remove_all_segments(self, staged: Staged) -> None:
        for name in [name for name in self.bucket.segments if name.startswith(staged.upload_id.hex)]:
            del self.bucket.segments[name]

    def publish(self, staged: Staged, size: int, lease: uuid.UUID) -> str:
        if self.name_of(staged) not in self.bucket.objects:
            raise StagingMissing
        return self.name_of(staged)

    def name_of(self, staged: Staged) -> str:
        return staged.handle.replace(":", "-")

    def discard(self, staged: Staged) -> None:
        self.bucket.multipart.pop(staged.handle, None)
        self.bucket.objects.pop(self.name_of(staged), None)
        self.remove_all_segments(staged)

    def discard_orphan(self, staged: Staged) -> None:
        self.bucket.multipart.pop(staged.handle, None)
        if not staged.handle:
            self.remove_all_segments(staged)

    def remove(self, name: str) -> None:
        self.bucket.objects.pop(name, None)
        self.bucket.trash.discard(name)

    def staged(self) -> Iterator[tuple[Staged, datetime]]:
        for handle in list(self.bucket.multipart):
            yield Staged(uuid.UUID(hex=handle.partition(":")[0]), handle), timezone.now()
        for upload_id in {name.partition("/")[0] for name in self.bucket.segments}:
            yield Staged(uuid.UUID(hex=upload_id)), timezone.now()

    def objects(self) -> Iterator[PublishedObject]:
        for name, data in self.bucket.objects.items():
            if name not in self.bucket.trash:
                yield PublishedObject(name, len(data), timezone.now() - timedelta(days=1))

    def trash(self, name: str) -> None:
        self.bucket.trash.add(name)

    def empty_trash(self, age: timedelta, is_needed: Callable[[str], bool]) -> int:
        self.bucket.trash -= {name for name in self.bucket.trash if is_needed(name)}
        return 0

    def identity(self) -> str:
        return self.bucket.identity

    def check(self) -> None:
        """It works."""
