"""A strict store in memory with an object store's rules.

Parts cannot be read until they are sealed; all but the last have a smallest size; nothing is locked, so a late writer
overwrites a part that is recorded. It keeps no partial parts.
"""

from __future__ import annotations

import hashlib
import io
import uuid
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, BinaryIO

from django.core.files.base import ContentFile, File
from django.core.files.storage import Storage
from django.utils import timezone

from apps.core.grid import Span
from apps.core.storage import PartsChanged, PublishedObject, SealLost, Staged, StagingMissing, StoredPart, WriteGuard


@dataclass
class Bucket:
    """What a server would hold: multipart uploads by handle, objects by name."""

    identity: str = field(default_factory=lambda: uuid.uuid4().hex)
    multipart: dict[str, dict[int, bytes]] = field(default_factory=dict)
    sealed: dict[str, bytes] = field(default_factory=dict)
    sealed_by: dict[str, uuid.UUID] = field(default_factory=dict)
    objects: dict[str, bytes] = field(default_factory=dict)
    trash: dict[str, bytes] = field(default_factory=dict)


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
    def __init__(self, parts: dict[int, bytes] | None, index: int) -> None:
        self._parts = parts
        self._index = index
        self._held = b""

    def write(self, block: bytes) -> None:
        self._held += block

    def commit(self, entry: Any) -> str:
        if self._parts is None:
            raise StagingMissing
        self._parts[self._index] = self._held
        return etag_of(self._held)

    def commit_partial(self, entry: Any) -> None:
        raise NotImplementedError

    @property
    def held_bytes(self) -> int:
        return len(self._held)

    def write_out(self) -> None:
        """There is nothing but memory."""

    def drop_held(self) -> None:
        self._held = b""

    def discard(self) -> None:
        self.drop_held()


class MemoryStore:
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
        self, staged: Staged, span: Span, guard: WriteGuard, *, start: int = 0, supersede: bool = False
    ) -> _Writer:
        return _Writer(self.bucket.multipart.get(staged.handle), span.index)

    @contextmanager
    def exclusive(self, staged: Staged, index: int) -> Iterator[None]:
        if staged.handle not in self.bucket.multipart:
            raise StagingMissing
        yield

    @contextmanager
    def exclusive_run(self, staged: Staged, first: int, count: int) -> Iterator[list[None]]:
        with self.exclusive(staged, first):
            yield [None] * count

    def seal(self, staged: Staged, parts: Iterable[StoredPart], lease: uuid.UUID) -> None:
        self.bucket.sealed_by[staged.handle] = lease
        if staged.handle in self.bucket.sealed or self.name_of(staged) in self.bucket.objects:
            return
        stored = self.bucket.multipart.get(staged.handle, {})
        named = list(parts)
        changed = [part.index for part in named if etag_of(stored.get(part.index, b"")) != part.etag]
        if changed:
            raise PartsChanged(changed)
        assert all(len(stored[part.index]) >= self.min_chunk_size for part in named[:-1]), "EntityTooSmall"
        self.bucket.sealed[staged.handle] = b"".join(stored[part.index] for part in named)
        self.bucket.multipart.pop(staged.handle, None)

    def reopen(self, staged: Staged, intact: Iterable[StoredPart], lease: uuid.UUID) -> str:
        self._require_seal(staged, lease)
        self.bucket.sealed_by.pop(staged.handle)
        published = self.bucket.objects.pop(self.name_of(staged), None)
        whole = self.bucket.sealed.pop(staged.handle, published)
        stored = self.bucket.multipart.pop(staged.handle, {})
        handle = self.begin(staged.upload_id, mime_type="")
        kept = list(intact)
        size = max((part.size for part in kept), default=0)
        for part in kept:
            data = stored[part.index] if whole is None else whole[part.index * size : part.index * size + part.size]
            self.bucket.multipart[handle][part.index] = data
        return handle

    def open(self, staged: Staged) -> BinaryIO:
        if staged.handle in self.bucket.sealed:
            return io.BytesIO(self.bucket.sealed[staged.handle])
        if self.name_of(staged) in self.bucket.objects:
            return io.BytesIO(self.bucket.objects[self.name_of(staged)])
        raise StagingMissing

    def _require_seal(self, staged: Staged, lease: uuid.UUID) -> None:
        if self.bucket.sealed_by.get(staged.handle) != lease:
            raise SealLost

    def publish(self, staged: Staged, size: int, lease: uuid.UUID) -> str:
        name = self.name_of(staged)
        if name not in self.bucket.objects:
            self._require_seal(staged, lease)
        if staged.handle in self.bucket.sealed:
            self.bucket.objects[name] = self.bucket.sealed.pop(staged.handle)[:size]
        elif name not in self.bucket.objects:
            raise StagingMissing
        return name

    def name_of(self, staged: Staged) -> str:
        return staged.upload_id.hex

    def discard(self, staged: Staged) -> None:
        self.bucket.multipart.pop(staged.handle, None)
        self.bucket.sealed.pop(staged.handle, None)

    def remove(self, name: str) -> None:
        self.bucket.objects.pop(name, None)

    def staged(self) -> Iterator[tuple[Staged, datetime]]:
        for handle in [*self.bucket.multipart, *self.bucket.sealed]:
            yield Staged(uuid.UUID(hex=handle.partition(":")[0]), handle), timezone.now()

    def objects(self) -> Iterator[PublishedObject]:
        for name, data in self.bucket.objects.items():
            yield PublishedObject(name, len(data), timezone.now() - timedelta(days=1))

    def trash(self, name: str) -> None:
        self.bucket.trash[name] = self.bucket.objects.pop(name)

    def empty_trash(self, age: timedelta) -> int:
        return 0

    def identity(self) -> str:
        return self.bucket.identity

    def check(self) -> None:
        """It works."""
