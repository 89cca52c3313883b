"""Sessions and their ledger: finding, creating, recording, declaring. Moves of state are in :mod:`.transitions`.

These two modules alone write these tables. A change of the ledger and of the counters that sum it up is one
transaction. No function here waits for anything but the database.
"""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from typing import Any

from django.db import IntegrityError, transaction
from django.utils import timezone

from ..conf import upload_settings
from ..errors import BadRequest, Conflict, NotFound, SessionGone
from ..models import UploadSession
from . import hot_queries, quotas
from .transitions import expire, next_expiry

Status = UploadSession.Status


@dataclass(frozen=True, slots=True)
class Totals:
    """What a session has received, after a change."""

    received_chunks: int
    received_bytes: int


def find(owner: Any, upload_id: uuid.UUID) -> UploadSession:
    """The owner's session.

    Raises:
        NotFound: there is none, or it is a stranger's.
    """
    session = hot_queries.select_session(upload_id, owner.pk)
    if session is None:
        raise NotFound
    return session


def find_open_twin(owner: Any, filename: str, total_size: int, file_hash: str) -> UploadSession | None:
    """The owner's open session for the same file, if any."""
    return UploadSession.objects.filter(
        owner=owner, filename=filename, total_size=total_size, file_hash=file_hash, status__in=UploadSession.OPEN
    ).first()


def create(owner: Any, **fields: Any) -> UploadSession:
    """A new active session, its quota reserved.

    Raises:
        QuotaExceeded: it does not fit.
        IntegrityError: an open session for the same file appeared meanwhile.
    """
    with transaction.atomic():
        quotas.open_session(owner, fields["total_size"] or 0)
        return UploadSession.objects.create(owner=owner, expires_at=next_expiry(timezone.now()), **fields)


def require_active(session: UploadSession) -> None:
    """Refuse sessions that take no more bytes; an overdue one is expired on the spot.

    Raises:
        SessionGone: expired or cancelled.
        Conflict: assembling, completed or failed.
    """
    while session.status == Status.ACTIVE:
        if not session.is_expired:
            return
        expire(session)
        session.refresh_from_db()
    if session.status in (Status.EXPIRED, Status.CANCELLED):
        raise SessionGone(session.status)
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
    if digest is not None:
        return digest
    if status != Status.ACTIVE:
        session.status = status
        require_active(session)
    if append_token is not None and append_token != newest_token:
        raise _append_superseded()
    return None


def record(session: UploadSession, index: int, size: int, digest: bytes, append_token: uuid.UUID | None) -> Totals:
    """Write the receipt of a stored chunk and count it.

    Args:
        append_token: the token of a sequential request, which must still be the newest; None for a chunk of its own.

    Raises:
        SessionGone, Conflict: the session no longer takes chunks, or a newer sequential request took over.
        QuotaExceeded: the size of the session is unknown, and these bytes no longer fit.
    """
    if session.total_size is not None:
        return _record(session, index, size, digest, append_token)
    with transaction.atomic():
        quotas.reserve_more(session.owner_id, size)
        return _record(session, index, size, digest, append_token)


def _record(session: UploadSession, index: int, size: int, digest: bytes, append_token: uuid.UUID | None) -> Totals:
    now = timezone.now()
    counted = hot_queries.record_receipt(
        session.pk,
        index,
        size,
        digest,
        append_token=append_token,
        expires_at=next_expiry(now, session.created_at),
        now=now,
    )
    if counted is None:
        raise _not_counted(session)
    return Totals(*counted)


def totals(session: UploadSession) -> Totals:
    """The counters as they are now."""
    chunks, size = UploadSession.objects.values_list("received_chunks", "received_bytes").get(pk=session.pk)
    return Totals(chunks, size)


def take_over_append(session: UploadSession) -> uuid.UUID:
    """Make the caller the newest sequential request; older ones can record nothing from now on.

    Raises:
        SessionGone, Conflict: the session takes no more bytes.
    """
    token = uuid.uuid4()
    if not UploadSession.objects.filter(pk=session.pk, status=Status.ACTIVE).update(append_token=token):
        session.refresh_from_db()
        require_active(session)
    session.refresh_from_db()
    return token


def record_partial(session: UploadSession, index: int, size: int, sha256: str, append_token: uuid.UUID) -> None:
    """Note that the first ``size`` bytes of a chunk are kept.

    Raises:
        SessionGone, Conflict: the session no longer takes bytes, or a newer request took over.
    """
    now = timezone.now()
    kept = UploadSession.objects.filter(pk=session.pk, status=Status.ACTIVE, append_token=append_token).update(
        partial_index=index,
        partial_size=size,
        partial_sha256=sha256,
        expires_at=next_expiry(now, session.created_at),
        updated_at=now,
    )
    if not kept:
        raise _not_counted(session)


def drop_partial(session: UploadSession) -> None:
    """Forget a kept part whose bytes are damaged."""
    session.partial_size = 0
    UploadSession.objects.filter(pk=session.pk).update(partial_size=0, partial_sha256="")


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


def declare(session: UploadSession, *, total_size: int | None, file_hash: str | None) -> None:
    """Fix the size and the hash of the whole file, if they were left open.

    Raises:
        Conflict: another size or hash was declared before, or the size does not fit what is stored.
        QuotaExceeded: the size does not fit the owner's quota.
    """
    if total_size is not None and total_size != session.total_size:
        _declare_size(session, total_size)
    if file_hash is not None and file_hash != session.file_hash:
        _declare_hash(session, file_hash)


def _declare_size(session: UploadSession, total_size: int) -> None:
    if session.total_size is not None:
        raise Conflict(f"The declared size is {session.total_size}, not {total_size}.", code="size_conflict")
    limits = upload_settings()
    grid = session.grid
    # The same arithmetic as ever, with the size filled in.
    final = type(grid)(grid.chunk_size, total_size, grid.max_chunks)
    if (final.total_chunks or 0) > limits.max_chunks:
        raise BadRequest(f"A file of {total_size} bytes needs more than {limits.max_chunks} chunks.", code="bad_size")
    last = (final.total_chunks or 0) - 1
    for index, size in session.receipts.order_by("index").values_list("index", "size").iterator(chunk_size=1000):
        if index > last or size != final.span(index).size:
            raise Conflict(
                f"Chunk {index} of {size} bytes does not fit a file of {total_size} bytes.",
                code="size_conflict",
                chunk_index=index,
            )
    with transaction.atomic():
        declared = UploadSession.objects.filter(
            pk=session.pk, status=Status.ACTIVE, total_size=None, received_chunks=session.received_chunks
        ).update(total_size=total_size)
        if not declared:
            raise Conflict("The upload changed meanwhile; try again.", code="conflict")
        if total_size > session.received_bytes:
            quotas.reserve_more(session.owner_id, total_size - session.received_bytes)
    session.total_size = total_size


def _declare_hash(session: UploadSession, file_hash: str) -> None:
    if session.file_hash:
        raise Conflict("Another SHA-256 was declared before.", code="hash_conflict")
    try:
        with transaction.atomic():
            declared = UploadSession.objects.filter(pk=session.pk, status=Status.ACTIVE, file_hash="").update(
                file_hash=file_hash
            )
    except IntegrityError:
        raise Conflict("Another open upload of yours has the same name, size and hash.", code="twin_upload") from None
    if not declared:
        session.refresh_from_db()
        if session.file_hash != file_hash:
            raise Conflict("Another SHA-256 was declared before.", code="hash_conflict")
    session.file_hash = file_hash


def _not_counted(session: UploadSession) -> Exception:
    session.refresh_from_db()
    try:
        require_active(session)
    except (SessionGone, Conflict) as error:
        return error
    return _append_superseded()


def _append_superseded() -> Conflict:
    return Conflict("A newer request took this upload over.", code="append_superseded")
