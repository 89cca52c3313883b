"""What a program runs in: an owner, the time, an upload, and what its clients were told."""

from __future__ import annotations

import hashlib
from collections import Counter
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from apps.core.errors import NotFound, UploadError
from apps.core.models import UploadSession
from apps.core.services.receiving import ChunkSink, StoredChunk
from apps.core.services.resumable_upload_service import ResumableUploadService

from .clock import Clock
from .scheduler import step

CHUNK = 4
FILE = b"0123456789"
"""The file of all programs: two chunks and a short one."""
OTHER = b"abcdefghij"
"""What a client sends that has another file under the same name."""


def file_of(size: int) -> bytes:
    """What a client sends that has declared another size."""
    return FILE[:size].ljust(size, b"~")


def chunk_of(content: bytes, index: int) -> bytes:
    return content[index * CHUNK : (index + 1) * CHUNK]


@dataclass
class World:
    owner: Any
    clock: Clock
    upload_id: UUID | None = None
    """The upload that actors meet at."""
    recorded: dict[tuple[UUID, int], bytes] = field(default_factory=dict)
    """The SHA-256 of each chunk that a client was told is stored."""
    offsets: dict[UUID, int] = field(default_factory=dict)
    """How far each upload is kept, as sequential senders were told."""
    damaged: set[tuple[UUID, int]] = field(default_factory=set)
    """Chunks whose stored bytes the program spoilt, since they were recorded last."""
    repairs: Counter[tuple[UUID, int]] = field(default_factory=Counter)
    """How often each chunk left the ledger because it was found damaged."""
    arriving: dict[tuple[int, bytes], ChunkSink] = field(default_factory=dict)
    """Chunks that were begun before the actors came."""
    answers: list[tuple[str, str]] = field(default_factory=list)
    """Operations and how they ended, for the reader of a failure."""

    @property
    def service(self) -> ResumableUploadService:
        return ResumableUploadService(self.owner)

    def find(self) -> UploadSession:
        """The upload, as a request begins."""
        if self.upload_id is None:
            raise NotFound
        return self.service.find(self.upload_id)

    def finish(self, sink: ChunkSink, data: bytes) -> StoredChunk:
        """End a chunk, and take its answer for a promise, unless the chunk was found damaged at the same time: then
        the answer may be older than the repair."""
        spot = (sink.session.upload_id, sink.span.index)
        repairs = self.repairs[spot]
        stored = sink.finish()
        step("answer", is_critical=True)
        if self.repairs[spot] == repairs:
            self.recorded[spot] = hashlib.sha256(data).digest()
        return stored

    def acknowledge_offset(self, session: UploadSession, offset: int) -> None:
        step("answer", is_critical=True)
        self.offsets[session.upload_id] = max(offset, self.offsets.get(session.upload_id, 0))

    def note(self, operation: str, outcome: object) -> None:
        text = f"{type(outcome).__name__}: {outcome}" if isinstance(outcome, UploadError) else str(outcome)
        self.answers.append((operation, text))
