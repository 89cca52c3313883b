"""Quotas of an owner. Every change is one conditional UPDATE, so that parallel requests cannot overdraw.

Call inside the transaction that makes the matching change of a session: both happen or neither. **The order of locks:**
an owner's usage row is always locked before any of their session rows (:func:`lock` where nothing is reserved first),
or two transactions could wait for each other for ever.

Counters never go below zero: a counter that drifted must not keep a session from ending. ``check_uploads`` recounts.
"""

from __future__ import annotations

from typing import Any

from django.db.models import Case, F, Q, Value, When
from django.db.models.expressions import Combinable
from django.utils.module_loading import import_string

from ..conf import upload_settings
from ..errors import QuotaExceeded
from ..models import OwnerUsage, UploadSession
from .conditional import update_if
from .principal import Principal


def limit_of(principal: Principal, name: str) -> int:
    """A quota of one owner: the setting ``name``, or what the callable it names says for the user."""
    value = getattr(upload_settings(), name)
    if isinstance(value, str):
        value = import_string(value)
    return int(value(principal.user)) if callable(value) else int(value)


def begin(principal: Principal) -> None:
    """Make the owner's usage row, if there is none. Not inside a transaction: an insert locks more than its row."""
    OwnerUsage.objects.get_or_create(owner_id=principal.user_id)


def open_session(principal: Principal, size: int) -> None:
    """Count a new session of ``size`` bytes (0 while unknown).

    Raises:
        QuotaExceeded: the session or its bytes do not fit.
    """
    _reserve(principal, sessions=1, size=size)


def reserve_more(principal: Principal, size: int) -> None:
    """Reserve bytes that a session of unknown size just received.

    Raises:
        QuotaExceeded: they do not fit.
    """
    _reserve(principal, sessions=0, size=size)


def lock(owner_id: Any) -> None:
    """Lock the owner's usage row until the transaction ends; nothing else may be locked yet."""
    OwnerUsage.objects.select_for_update().filter(owner=owner_id).first()


def close_session(session: UploadSession, *, stored: int) -> None:
    """Release what an ended session had reserved; ``stored`` bytes of it are counted as stored from now on."""
    OwnerUsage.objects.filter(owner=session.owner_id).update(
        open_sessions=_less("open_sessions", 1),
        reserved_bytes=_less("reserved_bytes", reserved_bytes(session)),
        stored_bytes=F("stored_bytes") + stored,
    )


def forget_stored(owner_id: Any, size: int) -> None:
    """Stop counting an upload that was removed."""
    OwnerUsage.objects.filter(owner=owner_id).update(stored_bytes=_less("stored_bytes", size))


def reserved_bytes(session: UploadSession) -> int:
    """What an open session has reserved: its size, or what it received while its size is unknown."""
    return session.received_bytes if session.total_size is None else session.total_size


def _less(name: str, amount: int) -> Combinable:
    # Compared before it is subtracted: MariaDB and MySQL raise an error for an unsigned difference below zero.
    return Case(When(Q(**{f"{name}__gte": amount}), then=F(name) - amount), default=Value(0))


def _reserve(principal: Principal, *, sessions: int, size: int) -> None:
    max_sessions = limit_of(principal, "max_open_sessions")
    max_reserved = limit_of(principal, "max_reserved_bytes")
    max_stored = limit_of(principal, "max_stored_bytes")
    row = OwnerUsage.objects.filter(owner=principal.user_id)
    fits = update_if(
        row.alias(total=F("reserved_bytes") + F("stored_bytes")),
        Q(
            open_sessions__lte=max_sessions - sessions,
            reserved_bytes__lte=max_reserved - size,
            total__lte=max_stored - size,
        ),
        open_sessions=F("open_sessions") + sessions,
        reserved_bytes=F("reserved_bytes") + size,
    )
    if fits:
        return
    usage = row.get()
    if sessions and usage.open_sessions >= max_sessions:
        raise QuotaExceeded(
            f"You have {usage.open_sessions} open uploads; complete or cancel one first.", quota="open_sessions"
        )
    if usage.reserved_bytes + size > max_reserved:
        raise QuotaExceeded("Your open uploads have reserved as many bytes as you may.", quota="reserved_bytes")
    raise QuotaExceeded("You have stored as many bytes as you may.", quota="stored_bytes")
