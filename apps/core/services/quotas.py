"""Quotas of an owner. Every change is one conditional UPDATE, so that parallel requests cannot overdraw.

Call inside the transaction that makes the matching change of a session: both happen or neither.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.db.models import F

from ..conf import upload_settings
from ..errors import QuotaExceeded
from ..models import OwnerUsage

if TYPE_CHECKING:
    from ..models import UploadSession


def open_session(owner: Any, size: int) -> None:
    """Count a new session of ``size`` bytes (0 while unknown).

    Raises:
        QuotaExceeded: the session or its bytes do not fit.
    """
    OwnerUsage.objects.get_or_create(owner=owner)
    if not _reserve(owner.pk, sessions=1, size=size):
        raise _exceeded(owner.pk, size)


def reserve_more(owner_id: Any, size: int) -> None:
    """Reserve bytes that a session of unknown size just received.

    Raises:
        QuotaExceeded: they do not fit.
    """
    if not _reserve(owner_id, sessions=0, size=size):
        raise _exceeded(owner_id, size)


def close_session(session: UploadSession, *, stored: bool) -> None:
    """Release what an ended session had reserved; ``stored`` counts its bytes as stored from now on."""
    reserved = reserved_bytes(session)
    changes: dict[str, Any] = {
        "open_sessions": F("open_sessions") - 1,
        "reserved_bytes": F("reserved_bytes") - reserved,
    }
    if stored:
        changes["stored_bytes"] = F("stored_bytes") + reserved
    OwnerUsage.objects.filter(owner=session.owner_id).update(**changes)


def forget_stored(owner_id: Any, size: int) -> None:
    """Stop counting completed files whose records are gone."""
    OwnerUsage.objects.filter(owner=owner_id).update(stored_bytes=F("stored_bytes") - size)


def reserved_bytes(session: UploadSession) -> int:
    """What an open session has reserved: its size, or what it received while its size is unknown."""
    return session.received_bytes if session.total_size is None else session.total_size


def _reserve(owner_id: Any, *, sessions: int, size: int) -> bool:
    limits = upload_settings()
    return bool(
        OwnerUsage.objects.filter(
            owner=owner_id,
            open_sessions__lte=limits.max_open_sessions - sessions,
            reserved_bytes__lte=limits.max_reserved_bytes - size,
            stored_bytes__lte=limits.max_stored_bytes - size - F("reserved_bytes"),
        ).update(open_sessions=F("open_sessions") + sessions, reserved_bytes=F("reserved_bytes") + size)
    )


def _exceeded(owner_id: Any, size: int) -> QuotaExceeded:
    limits = upload_settings()
    usage = OwnerUsage.objects.get(owner=owner_id)
    if usage.open_sessions >= limits.max_open_sessions:
        return QuotaExceeded(
            f"You have {usage.open_sessions} open uploads; complete or cancel one first.", quota="open_sessions"
        )
    if usage.reserved_bytes + size > limits.max_reserved_bytes:
        return QuotaExceeded("Your open uploads have reserved as many bytes as you may.", quota="reserved_bytes")
    return QuotaExceeded("You have stored as many bytes as you may.", quota="stored_bytes")
