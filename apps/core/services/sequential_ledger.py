"""What sequential requests record: whole chunks of one body together, and the first bytes of the one behind them.

A *kept part* is the beginning of a chunk: its size, SHA-256 and running hash in the session's row, and where the store
keeps it apart a segment of its own for each time that it was kept.
"""

from __future__ import annotations

import uuid
from contextlib import nullcontext
from dataclasses import dataclass, field
from typing import Any

from django.db.models import Q
from django.utils import timezone

from ..conf import upload_settings
from ..grid import Span
from ..models import KeptSegment, UploadSession
from ..storage import Segment
from .conditional import row_of, update_if
from .ledger import not_counted, record, refresh
from .transactions import flushed, transactional
from .transitions import next_expiry

Status = UploadSession.Status


@dataclass(frozen=True, slots=True)
class KeptPart:
    """The first ``size`` bytes of a chunk: their SHA-256 in hex, and the running hash to go on from (maybe empty)."""

    index: int
    size: int
    sha256: str
    state: bytes
    segment: Segment | None = field(default=None, compare=False)
    """Where the last bytes of it are, if the store keeps them apart; kept with the rest, or not at all."""

    @classmethod
    def of(cls, session: UploadSession) -> KeptPart:
        return cls(session.partial_index, session.partial_size, session.partial_sha256, bytes(session.partial_state))


def record_partial(session: UploadSession, part: KeptPart, append_token: uuid.UUID) -> None:
    """Note that the first bytes of a chunk are kept.

    Raises:
        SessionGone, Conflict: the session no longer takes bytes, or a newer request superseded this one.
    """
    now = timezone.now()
    end = part.index * session.chunk_size + part.size
    fits = Q(total_size=None) | Q(total_size__gte=end)
    newest = Q(status=Status.ACTIVE, append_token=append_token) & fits
    expiry = next_expiry(now, session.created_at)
    changes = {**_fields_of(part), "expires_at": expiry, "updated_at": now}
    if part.segment is None:
        is_kept = update_if(row_of(session), newest, **changes)
    else:
        is_kept = _keep_segment(session, part.index, part.segment, newest, changes)
    if not is_kept:
        raise not_counted(session, append_token)
    session.expires_at = expiry
    _set_fields(session, part)


@transactional()
def _keep_segment(session: UploadSession, index: int, segment: Segment, newest: Q, changes: dict[str, Any]) -> bool:
    if not update_if(row_of(session), newest, **changes):
        return False
    of_chunk = KeptSegment.objects.filter(session=session, index=index)
    of_chunk.filter(start__gte=segment.start).delete()  # What this one has taken in.
    KeptSegment.objects.create(session=session, index=index, start=segment.start, size=segment.size, name=segment.name)
    return True


def segments_of(session: UploadSession, index: int) -> list[Segment]:
    """Where the kept part of a chunk is, in order; empty where the store keeps it in its place."""
    rows = KeptSegment.objects.filter(session=session, index=index).order_by("start")
    return [Segment(row.start, row.size, row.name) for row in rows]


def renew_partial(session: UploadSession, part: KeptPart, state: bytes) -> None:
    """Keep the running hash of a kept part that was just read again, if it is still the same part."""
    _replace_partial(session, part, KeptPart(part.index, part.size, part.sha256, state))


def drop_partial(session: UploadSession, part: KeptPart) -> None:
    """Forget a kept part whose bytes are damaged, unless a newer request kept another one meanwhile."""
    _replace_partial(session, part, KeptPart(part.index, 0, "", b""))


def _replace_partial(session: UploadSession, seen: KeptPart, part: KeptPart) -> None:
    same = Q(partial_index=seen.index, partial_size=seen.size, partial_sha256=seen.sha256)
    if update_if(row_of(session), same, **_fields_of(part)):
        _set_fields(session, part)
    else:
        refresh(session)


def _set_fields(session: UploadSession, part: KeptPart) -> None:
    for name, value in _fields_of(part).items():
        setattr(session, name, value)


def _fields_of(part: KeptPart) -> dict[str, Any]:
    return {
        "partial_index": part.index,
        "partial_size": part.size,
        "partial_sha256": part.sha256,
        "partial_state": part.state,
    }


@dataclass(frozen=True, slots=True)
class Stored:
    """A whole chunk whose bytes are in place, to be recorded."""

    span: Span
    size: int
    digest: bytes
    etag: str
    is_reserved: bool


@dataclass(slots=True)
class Run:
    """What one sequential request stored and records together."""

    append_token: uuid.UUID
    chunks: list[Stored] = field(default_factory=list)
    part: KeptPart | None = None


def record_run(session: UploadSession, run: Run) -> None:
    """Write the receipts and the kept part, all of them or nothing.

    Raises:
        SessionGone, Conflict: as :func:`record`.
    """
    with flushed() if upload_settings().sync_chunks else nullcontext():
        _record_run(session, run)


@transactional()
def _record_run(session: UploadSession, run: Run) -> None:
    for chunk in run.chunks:
        record(
            session,
            chunk.span,
            chunk.size,
            chunk.digest,
            chunk.etag,
            run.append_token,
            is_reserved=chunk.is_reserved,
        )
    if run.part is not None:
        record_partial(session, run.part, run.append_token)


def has_run(session: UploadSession, run: Run) -> bool:
    """Whether a run was recorded, by one who does not know how :func:`record_run` ended. All of it was, or nothing."""
    refresh(session)
    if run.chunks:
        last = run.chunks[-1]
        return session.receipts.filter(index=last.span.index, sha256=last.digest).exists()
    return run.part is None or KeptPart.of(session) == run.part
