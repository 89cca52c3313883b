"""The moves of a session from state to state, each one compare-and-set, and the lease on its assembly.

active -> assembling -> completed; active -> cancelled | expired; assembling -> active | failed. What an ended session
had reserved of its owner's quota is given back in the same transaction.
"""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from django.db import transaction
from django.db.models import Q, Sum
from django.utils import timezone

from ..conf import upload_settings
from ..models import ChunkReceipt, UploadSession
from . import quotas

Status = UploadSession.Status


def begin_assembling(session: UploadSession) -> bool:
    """active -> assembling, if every chunk is recorded. False if that was not so."""
    return _move(session, Status.ACTIVE, Status.ASSEMBLING, received_chunks=session.total_chunks)


def take_lease(session: UploadSession) -> uuid.UUID | None:
    """Become the one that assembles; None if somebody else is at it."""
    now = timezone.now()
    token = uuid.uuid4()
    free = UploadSession.objects.filter(
        Q(lease_expires_at=None) | Q(lease_expires_at__lte=now), pk=session.pk, status=Status.ASSEMBLING
    )
    return token if free.update(lease_token=token, lease_expires_at=_lease_end(now)) else None


def renew_lease(session: UploadSession, lease: uuid.UUID) -> bool:
    """Keep the lease; False if it was lost."""
    return _renew(session, lease)


def note_progress(session: UploadSession, lease: uuid.UUID, assembled_bytes: int) -> bool:
    """Keep the lease, and note for whoever waits how far the work got. False if it was lost."""
    return _renew(session, lease, assembled_bytes=assembled_bytes)


def _renew(session: UploadSession, lease: uuid.UUID, **changes: Any) -> bool:
    rows = UploadSession.objects.filter(pk=session.pk, status=Status.ASSEMBLING, lease_token=lease)
    return bool(rows.update(lease_expires_at=_lease_end(timezone.now()), **changes))


def release_lease(session: UploadSession, lease: uuid.UUID) -> None:
    """Let the next one assemble at once."""
    UploadSession.objects.filter(pk=session.pk, lease_token=lease).update(lease_expires_at=None)


def finish_completed(session: UploadSession, lease: uuid.UUID, *, sha256: str, name: str) -> bool:
    """assembling -> completed. False if the lease was lost."""
    return _end(session, Status.ASSEMBLING, Status.COMPLETED, {"lease_token": lease}, sha256=sha256, file=name)


def finish_failed(session: UploadSession, lease: uuid.UUID, *, code: str, detail: str) -> bool:
    """assembling -> failed: the content is refused. False if the lease was lost."""
    return _end(session, Status.ASSEMBLING, Status.FAILED, {"lease_token": lease}, error_code=code, error_detail=detail)


def finish_damaged(session: UploadSession, lease: uuid.UUID, damaged: Sequence[int]) -> bool:
    """assembling -> active: the damaged chunks leave the ledger and are missing again. False if the lease was lost."""
    now = timezone.now()
    with transaction.atomic():
        moved = _move(
            session,
            Status.ASSEMBLING,
            Status.ACTIVE,
            lease_token=lease,
            changes={
                "expires_at": next_expiry(now),
                "lease_expires_at": None,
                "assembled_bytes": 0,
            },
        )
        if not moved:
            return False
        for start in range(0, len(damaged), 500):
            session.receipts.filter(index__in=damaged[start : start + 500]).delete()
        size = session.receipts.aggregate(total=Sum("size"))["total"] or 0
        UploadSession.objects.filter(pk=session.pk).update(
            received_chunks=session.receipts.count(),
            received_bytes=size,
            contiguous_chunks=min(damaged),
            partial_size=0,
        )
    return True


def cancel(session: UploadSession) -> bool:
    """active -> cancelled. False if it was not active."""
    return _end(session, Status.ACTIVE, Status.CANCELLED, {})


def expire(session: UploadSession) -> bool:
    """active -> expired, if it still expires when ``session`` says. False if not: a chunk prolonged it, or it ended."""
    return _end(session, Status.ACTIVE, Status.EXPIRED, {"expires_at": session.expires_at})


def mark_announced(session: UploadSession) -> None:
    UploadSession.objects.filter(pk=session.pk).update(announced_at=timezone.now())


def forget_receipts(session: UploadSession) -> None:
    """Drop the ledger of an ended session, whose whole-file hash says all that is left to say."""
    ChunkReceipt.objects.filter(session=session).delete()


def forget(session: UploadSession) -> bool:
    """Delete the record of an ended session (never its file)."""
    with transaction.atomic():
        deleted, _ = UploadSession.objects.filter(pk=session.pk).exclude(status__in=UploadSession.OPEN).delete()
        if deleted and session.status == Status.COMPLETED:
            quotas.forget_stored(session.owner_id, session.total_size or 0)
    return bool(deleted)


def _end(session: UploadSession, before: str, after: str, guard: dict[str, Any], **changes: Any) -> bool:
    with transaction.atomic():
        changes = {"ended_at": timezone.now(), "lease_expires_at": None, **changes}
        if not _move(session, before, after, changes=changes, **guard):
            return False
        session.refresh_from_db()
        quotas.close_session(session, stored=after == Status.COMPLETED)
    return True


def _move(
    session: UploadSession, before: str, after: str, *, changes: dict[str, Any] | None = None, **guard: Any
) -> bool:
    rows = UploadSession.objects.filter(pk=session.pk, status=before, **guard)
    return bool(rows.update(status=after, updated_at=timezone.now(), **(changes or {})))


def next_expiry(now: datetime, created_at: datetime | None = None) -> datetime:
    """When a session expires that received something now."""
    limits = upload_settings()
    latest = (created_at or now) + timedelta(hours=limits.session_max_age_hours)
    return min(now + timedelta(hours=limits.session_ttl_hours), latest)


def _lease_end(now: datetime) -> datetime:
    return now + timedelta(seconds=upload_settings().lease_seconds)
