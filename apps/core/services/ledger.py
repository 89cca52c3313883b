"""Sessions and their ledger: finding, creating, recording.

Moves of state are in :mod:`.transitions`, declarations in :mod:`.declaring`, ends in :mod:`.removal`; nothing else
writes these tables. A change of the ledger and of the counters that sum it up is one transaction. No function here
waits for anything but the database.
"""

from __future__ import annotations

import hashlib
import json
import uuid
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from typing import Any

from django.db import transaction
from django.db.models import F, Q
from django.utils import timezone

from ..conf import upload_settings
from ..errors import Conflict, NotFound, SessionGone
from ..grid import Span
from ..models import ChunkReceipt, ChunkReservation, KeptSegment, PartOfFinal, UploadSession
from . import concatenation, hot_queries, quotas
from .conditional import row_of, update_if
from .principal import Principal
from .transactions import flushed, reading, retried, transactional
from .transitions import next_expiry

Status = UploadSession.Status


@dataclass(frozen=True, slots=True)
class Totals:
    """What a session has received, after a change."""

    received_chunks: int
    received_bytes: int


def find(principal: Principal, upload_id: uuid.UUID) -> UploadSession:
    """The principal's session.

    Raises:
        NotFound: there is none, it is a stranger's, or it is being removed.
    """
    session = reading(lambda: hot_queries.select_session(upload_id, principal.user_id))
    if session is None:
        raise NotFound
    return session


def refresh(session: UploadSession) -> None:
    """Read the row anew.

    Raises:
        NotFound: it is gone.
    """
    try:
        session.refresh_from_db()
    except UploadSession.DoesNotExist:
        raise NotFound from None


class ReservationLost(Exception):
    """The chunk was taken for other bytes meanwhile, or was recorded by who sent the same ones (see :mod:`.cells`)."""


def dedupe_key(
    principal: Principal,
    *,
    client_key: str,
    filename: str,
    total_size: int | None,
    file_hash: str,
    metadata: dict[str, Any],
    purpose: str,
) -> str | None:
    """What tells an open session from all others, so that ``init`` is idempotent: the client's own key, or else name,
    size, hash and metadata of the file (twins in two folders are two files); and the purpose, for the same file may go
    into two fields. None if neither is known."""
    if client_key:
        parts = ["key", client_key]
    elif file_hash and total_size is not None:
        parts = ["file", filename, str(total_size), file_hash]
        if metadata:
            parts.append(json.dumps(metadata, sort_keys=True))
    else:
        return None
    if purpose:
        parts.append(f"purpose:{purpose}")
    return hashlib.sha256("\0".join([principal.key, *parts]).encode()).hexdigest()


def find_open_duplicate(key: str) -> UploadSession | None:
    """The open session with this :func:`dedupe_key`, if any. One that was ended without its moves gives the key up."""
    session = UploadSession.objects.filter(dedupe_key=key).first()
    if session is None or session.status in UploadSession.OPEN:
        return session
    UploadSession.objects.filter(pk=session.pk).exclude(status__in=UploadSession.OPEN).update(dedupe_key=None)
    return None


def create(principal: Principal, *, partials: Sequence[UploadSession] = (), **fields: Any) -> UploadSession:
    """A new active session, its quota reserved.

    Args:
        partials: what it is made of, if it receives no bytes itself.

    Raises:
        QuotaExceeded: it does not fit.
        IntegrityError: an open session with the same ``dedupe_key`` appeared meanwhile.
    """
    quotas.begin(principal)
    return _create(principal, partials, fields)


@transactional(durable=True)
def _create(principal: Principal, partials: Sequence[UploadSession], fields: dict[str, Any]) -> UploadSession:
    quotas.lock(principal.user_id)
    size = concatenation.reserve_for(partials) if partials else fields["total_size"] or 0
    quotas.open_session(principal, size)
    expires_at = next_expiry(timezone.now())
    session = UploadSession.objects.create(
        owner_id=principal.user_id, reserved_bytes=size, expires_at=expires_at, **fields
    )
    PartOfFinal.objects.bulk_create(
        PartOfFinal(final=session, position=position, partial=partial, size=partial.total_size or 0)
        for position, partial in enumerate(partials)
    )
    return session


def count_damaged(session: UploadSession) -> None:
    """A chunk arrived damaged, and will be sent again."""
    UploadSession.objects.filter(pk=session.pk).update(damaged_chunks=F("damaged_chunks") + 1)


def require_active(session: UploadSession) -> None:
    """Refuse sessions that take no more bytes (``removal.require_active`` also expires an overdue one).

    Raises:
        SessionGone: expired or cancelled.
        Conflict: assembling, completed or failed.
    """
    if session.status == Status.ACTIVE:
        if session.is_expired:
            raise SessionGone(Status.EXPIRED)
        return
    if session.status in (Status.EXPIRED, Status.CANCELLED):
        raise SessionGone(session.status)
    if session.status == Status.REMOVING:
        raise NotFound
    raise Conflict(
        f"The upload is {session.status} and takes no more chunks.", code="not_active", status_now=session.status
    )


def recorded_digest(session: UploadSession, index: int, append_token: uuid.UUID | None) -> bytes | None:
    """The SHA-256 recorded for a chunk, read together with the session's state of this moment.

    Raises:
        NotFound: the session is gone.
        SessionGone, Conflict: nothing is recorded, and the session takes no more chunks (of this sequential request).
    """
    state = hot_queries.select_chunk_state(session.pk, index)
    if state is None:
        raise NotFound
    status, newest_token, digest = state
    if status == Status.REMOVING:
        raise NotFound
    if append_token is not None and append_token != newest_token:
        raise append_superseded()  # Even if the bytes are the same: of two senders, one is told that it sent them.
    if digest is not None:
        return digest
    if status != Status.ACTIVE:
        session.status = status
        require_active(session)
    return None


def record(
    session: UploadSession,
    span: Span,
    size: int,
    digest: bytes,
    etag: str,
    append_token: uuid.UUID | None,
    *,
    is_reserved: bool,
) -> Totals:
    """Write the receipt of a stored chunk and count it.

    Args:
        append_token: the token of a sequential request, which must still be the newest; None for a chunk of its own.
        is_reserved: whether the ledger reserved the chunk for these bytes: it must do so still, and segments of it are
            forgotten with the reservation.

    Raises:
        ReservationLost: it does not.
        SessionGone, Conflict: the session no longer takes chunks, none at this place, or a newer sequential request
            superseded this one.
    """
    now = timezone.now()
    receipt = hot_queries.Receipt(span.index, span.offset, size, digest, etag, is_short=size < session.chunk_size)
    expires_at = next_expiry(now, session.created_at)

    def write() -> tuple[Any, ...] | None:
        return hot_queries.record_receipt(
            session.pk, receipt, append_token=append_token, expires_at=expires_at, now=now
        )

    with flushed() if upload_settings().sync_chunks else nullcontext():
        counted = retried(lambda: _use_reservation(session, receipt, write) if is_reserved else write())
    if counted is None:
        raise not_counted(session, append_token, span.index)
    session.expires_at = expires_at
    return Totals(*counted)


def _use_reservation(
    session: UploadSession, receipt: hot_queries.Receipt, write: Callable[[], tuple[Any, ...] | None]
) -> tuple[Any, ...] | None:
    of_chunk = {"session": session, "index": receipt.index}
    with transaction.atomic():
        if not ChunkReservation.objects.filter(**of_chunk, sha256=receipt.digest).delete()[0]:
            raise ReservationLost
        KeptSegment.objects.filter(**of_chunk).delete()
        counted = write()
        if counted is None:  # Who took over may go on from these segments.
            transaction.set_rollback(True)
        return counted


def note_etag(session: UploadSession, index: int, digest: bytes, etag: str) -> None:
    """The same bytes were stored once more than they were recorded: where a store gives each time another ETag, the
    last one counts."""
    ChunkReceipt.objects.filter(session=session, index=index, sha256=digest).exclude(etag=etag).update(etag=etag)


def totals(session: UploadSession) -> Totals:
    """The counters as they are now.

    Raises:
        NotFound: the session is gone.
    """
    counters = UploadSession.objects.filter(pk=session.pk).values_list("received_chunks", "received_bytes").first()
    if counters is None:
        raise NotFound
    return Totals(*counters)


def close_appending(session: UploadSession) -> None:
    """Stored bytes were damaged, so that the offset decreased: tell protocols that do not allow it."""
    UploadSession.objects.filter(pk=session.pk).update(is_append_closed=True)
    session.is_append_closed = True


def supersede_append(session: UploadSession) -> uuid.UUID:
    """Make the caller the newest sequential request; older ones can record nothing from now on.

    Raises:
        SessionGone, Conflict: the session takes no more bytes.
    """
    token = uuid.uuid4()
    if not update_if(row_of(session), Q(status=Status.ACTIVE), append_token=token):
        refresh(session)
        require_active(session)
    refresh(session)
    return token


def try_to_supersede_append(session: UploadSession) -> uuid.UUID | None:
    """As :func:`supersede_append`, if nothing arrived since the session was read; None if something did, or it ended.

    The session is read anew either way.
    """
    token = uuid.uuid4()
    unchanged = Q(
        status=Status.ACTIVE,
        received_chunks=session.received_chunks,
        partial_index=session.partial_index,
        partial_size=session.partial_size,
    )
    taken = update_if(row_of(session), unchanged, append_token=token)
    refresh(session)
    return token if taken else None


def contiguous_chunks(session: UploadSession) -> int:
    """How many chunks are recorded from the first on without a gap. Cheap in order; remembers how far it got."""
    count = known = session.contiguous_chunks
    following = session.receipts.filter(index__gte=known).order_by("index").values_list("index", flat=True)
    for index in following.iterator(chunk_size=1000):
        if index != count:
            break
        count += 1
    if count > known:
        UploadSession.objects.filter(pk=session.pk, contiguous_chunks=known).update(contiguous_chunks=count)
        session.contiguous_chunks = count
    return count


def require_place(session: UploadSession, index: int) -> None:
    """Refuse a chunk behind the short one that ends a file of unknown size.

    Raises:
        Conflict: nothing may lie there.
    """
    if session.end_index is not None and index > session.end_index:
        raise Conflict(
            f"Chunk {session.end_index} was shorter than {session.chunk_size} bytes and so ended the file; "
            f"chunk {index} would lie behind it.",
            code="chunk_beyond_end",
            chunk_index=index,
        )


def not_counted(session: UploadSession, append_token: uuid.UUID | None, index: int | None = None) -> Exception:
    """Why an UPDATE that was conditional on everything changed nothing."""
    refresh(session)
    try:
        require_active(session)
        if index is not None:
            require_place(session, index)
    except (SessionGone, Conflict) as error:
        return error
    if index is None or (append_token is not None and append_token != session.append_token):
        return append_superseded()
    return no_place(index)


def no_place(index: int) -> Conflict:
    """A chunk of this size cannot lie here: the size of the file was declared meanwhile, and is another."""
    return Conflict(f"Chunk {index} has no place in this file as it is.", code="chunk_beyond_end", chunk_index=index)


def append_superseded() -> Conflict:
    return Conflict("A newer request superseded this one.", code="append_superseded")
