"""Quotas of an owner. Every change is one conditional UPDATE, so that parallel requests cannot overdraw.

Call inside the transaction that makes the matching change of a session: both happen or neither. **The order of locks:**
an owner's usage row is always locked before any of their session rows (:func:`lock` where nothing is reserved first),
or two transactions could wait for each other for ever.

Counters never go below zero: a counter that drifted must not keep a session from ending. ``check_uploads`` recounts.
"""

from __future__ import annotations

from typing import Any

from django.db.models import Case, F, Q, QuerySet, Value, When
from django.db.models.expressions import Combinable
from django.utils.module_loading import import_string

from ..conf import MIB, upload_settings
from ..errors import NotFound, QuotaExceeded, Throttled
from ..grid import ceil_div
from ..models import OwnerUsage, UploadSession
from .conditional import update_if
from .init_rate import InitRate
from .principal import Principal
from .transactions import transactional

WINDOW = 64 * MIB
"""What a session of unknown size reserves at a time, if the quota has that much."""


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
        Throttled: the owner began too many sessions lately.
    """
    _reserve(principal, sessions=1, size=size)


@transactional()
def reserve_up_to(session: UploadSession, end: int) -> None:
    """Reserve for a session of unknown size all bytes before ``end``, before any of them is written.

    Reserved is what the file will need at least: the chunks in the gaps are still to come. It goes by windows, not to
    ask for each block; what was too much is released when the size is declared, or the session ends.
    ``session.reserved_bytes`` is less than ``end`` afterwards if the session ended, or its size was declared meanwhile.

    Raises:
        QuotaExceeded: they do not fit.
    """
    lock(session.owner_id)
    now = UploadSession.objects.filter(pk=session.pk, status=UploadSession.Status.ACTIVE).first()
    if now is None or now.total_size is not None or now.reserved_bytes >= end:
        session.reserved_bytes = now.reserved_bytes if now else 0
        return  # Ended, declared or reserved meanwhile.
    window = min(ceil_div(end, WINDOW) * WINDOW, session.grid.end)
    target = window if _fits(session, window - now.reserved_bytes) else end
    _reserve(Principal.owning(session), sessions=0, size=target - now.reserved_bytes)
    UploadSession.objects.filter(pk=session.pk).update(reserved_bytes=target)
    session.reserved_bytes = target


def require_storable(session: UploadSession) -> None:
    """What the owner has stored, with this file, is within the limit as it is at the end of the upload.

    Raises:
        QuotaExceeded: it is not; the limit was another when the upload began.
    """
    usage = OwnerUsage.objects.filter(owner=session.owner_id).first()
    stored = usage.stored_bytes if usage else 0
    if stored + (session.total_size or 0) > limit_of(Principal.owning(session), "max_stored_bytes"):
        raise _stored_too_much()


def _stored_too_much() -> QuotaExceeded:
    return QuotaExceeded("You have stored as many bytes as you may.", quota="stored_bytes")


def change_reserved(session: UploadSession, size: int) -> None:
    """Make what an open session has reserved ``size`` bytes, from what its row says. Behind :func:`lock`.

    Raises:
        QuotaExceeded: they do not fit.
    """
    more = size - session.reserved_bytes
    if more > 0:
        _reserve(Principal.owning(session), sessions=0, size=more)
    else:
        _release(session.owner_id, -more)


@transactional()
def reserve_spool(session: UploadSession, size: int) -> None:
    """Reserve room for a second sender of a chunk, whose bytes lie beside those of the first.

    A process that is killed releases nothing; the session's end does.

    Raises:
        QuotaExceeded: they do not fit.
    """
    lock(session.owner_id)
    _reserve(Principal.owning(session), sessions=0, size=size)
    row = UploadSession.objects.filter(pk=session.pk, status__in=UploadSession.OPEN)
    if not row.update(spooled_bytes=F("spooled_bytes") + size):
        _release(session.owner_id, size)  # Ended meanwhile.


@transactional()
def release_spool(session: UploadSession, size: int) -> None:
    """Undo :func:`reserve_spool`, unless the session's end did."""
    lock(session.owner_id)
    row = UploadSession.objects.filter(pk=session.pk, status__in=UploadSession.OPEN, spooled_bytes__gte=size)
    if row.update(spooled_bytes=F("spooled_bytes") - size):
        _release(session.owner_id, size)


def lock(owner_id: Any) -> None:
    """Lock the owner's usage row until the transaction ends; nothing else may be locked yet."""
    OwnerUsage.objects.select_for_update().filter(owner=owner_id).first()


def close_session(session: UploadSession, *, stored: int, files: int = 0) -> None:
    """Release what a session that just ended had reserved, by its row of a moment before, which nobody changed since.

    ``stored`` bytes and ``files`` of it are counted as stored from now on. Behind :func:`lock`.
    """
    OwnerUsage.objects.filter(owner=session.owner_id).update(
        open_sessions=_less("open_sessions", 1),
        reserved_bytes=_less("reserved_bytes", held_by(session)),
        stored_bytes=F("stored_bytes") + stored,
        stored_files=F("stored_files") + files,
    )


def forget_stored(owner_id: Any, *, size: int = 0, files: int = 0) -> None:
    """Stop counting what was removed."""
    OwnerUsage.objects.filter(owner=owner_id).update(
        stored_bytes=_less("stored_bytes", size), stored_files=_less("stored_files", files)
    )


def count_stored(owner_id: Any, *, size: int, files: int) -> None:
    """Count what its owner has again. Behind :func:`lock`."""
    OwnerUsage.objects.filter(owner=owner_id).update(
        stored_bytes=F("stored_bytes") + size, stored_files=F("stored_files") + files
    )


def held_by(session: UploadSession) -> int:
    """All that an open session has reserved, as its row says."""
    return session.reserved_bytes + session.spooled_bytes


def _release(owner_id: Any, size: int) -> None:
    OwnerUsage.objects.filter(owner=owner_id).update(reserved_bytes=_less("reserved_bytes", size))


def _less(name: str, amount: int) -> Combinable:
    # Compared before it is subtracted: MariaDB and MySQL raise an error for an unsigned difference below zero.
    return Case(When(Q(**{f"{name}__gte": amount}), then=F(name) - amount), default=Value(0))


def _reserve(principal: Principal, *, sessions: int, size: int) -> None:
    row = OwnerUsage.objects.filter(owner=principal.user_id)
    more: dict[str, Any] = {
        "open_sessions": F("open_sessions") + sessions,
        "reserved_bytes": F("reserved_bytes") + size,
    }
    allowed = _room_for(principal, sessions, size)
    if sessions:
        rate = InitRate.in_force()
        allowed &= rate.allows()
        more.update(rate.counting())
    if update_if(_totalled(row), allowed, **more):
        return
    usage = row.first()
    if usage is None:
        raise NotFound  # The owner was deleted in this very moment.
    if sessions and usage.open_sessions >= limit_of(principal, "max_open_sessions"):
        raise QuotaExceeded(
            f"You have {usage.open_sessions} open uploads; complete or cancel one first.", quota="open_sessions"
        )
    if sessions and usage.stored_files + usage.open_sessions >= limit_of(principal, "max_stored_files"):
        raise QuotaExceeded("You have, or are sending, as many files as you may.", quota="stored_files")
    if usage.reserved_bytes + size > limit_of(principal, "max_reserved_bytes"):
        raise QuotaExceeded("Your open uploads have reserved as many bytes as you may.", quota="reserved_bytes")
    if usage.reserved_bytes + usage.stored_bytes + size > limit_of(principal, "max_stored_bytes"):
        raise _stored_too_much()
    raise Throttled("You began too many uploads lately; wait.", InitRate.in_force().wait())


def _room_for(principal: Principal, sessions: int, size: int) -> Q:
    """Of a row that is :func:`_totalled`. Sessions that are open already may end, whatever the limits are now."""
    room = Q(
        open_sessions__lte=limit_of(principal, "max_open_sessions") - sessions,
        reserved_bytes__lte=limit_of(principal, "max_reserved_bytes") - size,
        all_bytes__lte=limit_of(principal, "max_stored_bytes") - size,
    )
    if sessions:
        room &= Q(all_files__lte=limit_of(principal, "max_stored_files") - sessions)
    return room


def _totalled(row: QuerySet[OwnerUsage]) -> QuerySet[OwnerUsage]:
    """With what there is and what is to come."""
    return row.alias(
        all_bytes=F("reserved_bytes") + F("stored_bytes"), all_files=F("open_sessions") + F("stored_files")
    )


def _fits(session: UploadSession, size: int) -> bool:
    row = _totalled(OwnerUsage.objects.filter(owner=session.owner_id))
    return row.filter(_room_for(Principal.owning(session), 0, size)).exists()
