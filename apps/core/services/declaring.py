"""Declaring what a sender left open at first: the size of the whole file, and its hash."""

from __future__ import annotations

from typing import Any

from django.db import IntegrityError
from django.db.models import Q

from ..errors import BadRequest, Conflict
from ..grid import Grid
from ..models import UploadSession
from . import quotas
from .conditional import row_of, update_if
from .ledger import dedupe_key, refresh, require_active
from .principal import Principal
from .transactions import transactional

Status = UploadSession.Status


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
    final = session.grid.of_size(total_size)
    if (final.total_chunks or 0) > final.max_chunks:
        raise BadRequest(f"A file of {total_size} bytes needs more than {final.max_chunks} chunks.", code="bad_size")
    _require_fit(session, final)
    _set_size(session, total_size)
    session.total_size = session.reserved_bytes = total_size


@transactional(durable=True)
def _set_size(session: UploadSession, total_size: int) -> None:
    quotas.lock(session.owner_id)
    # Not if bytes were recorded whose place was not looked at; those in flight find the size when they arrive.
    unchanged = Q(
        status=Status.ACTIVE,
        total_size=None,
        received_chunks=session.received_chunks,
        partial_index=session.partial_index,
        partial_size=session.partial_size,
    )
    now = UploadSession.objects.filter(unchanged, pk=session.pk).first()
    if now is None:
        raise _changed()
    quotas.change_reserved(now, total_size)
    if not update_if(row_of(session), unchanged, total_size=total_size, reserved_bytes=total_size):
        raise _changed()


def _changed() -> Conflict:
    return Conflict("The upload changed meanwhile; try again.")


def _require_fit(session: UploadSession, final: Grid) -> None:
    """What is recorded must lie in the grid of the final size: all chunks whole, but for the last one. And what is kept
    of a chunk must lie before the end."""
    last = (final.total_chunks or 0) - 1
    recorded = session.receipts.filter(index=last).values_list("size", flat=True).first()
    misfit: int | None = None
    kept_end = session.partial_index * session.chunk_size + session.partial_size
    if session.partial_size and kept_end > (final.total_size or 0) and not _is_recorded(session, session.partial_index):
        misfit = session.partial_index
    elif session.chunks_end > last + 1:
        misfit = session.chunks_end - 1
    elif recorded is not None and recorded != final.span(last).size:
        misfit = last
    elif session.end_index is not None and session.end_index != last:
        misfit = session.end_index
    if misfit is not None:
        raise Conflict(
            f"Chunk {misfit} does not fit a file of {final.total_size} bytes.", code="size_conflict", chunk_index=misfit
        )


def _is_recorded(session: UploadSession, index: int) -> bool:
    return session.receipts.filter(index=index).exists()


def _declare_hash(session: UploadSession, file_hash: str) -> None:
    if session.file_hash:
        raise Conflict("Another SHA-256 was declared before.", code="hash_conflict")
    changes: dict[str, Any] = {"file_hash": file_hash}
    if session.dedupe_key is None:
        key = dedupe_key(
            Principal.owning(session),
            client_key="",
            filename=session.filename,
            total_size=session.total_size,
            file_hash=file_hash,
            metadata=session.metadata,
            purpose=session.purpose,
        )
        # Unless another open upload is known by it: both go on, each with the bytes that it has.
        if key is not None and not UploadSession.objects.filter(dedupe_key=key).exists():
            changes["dedupe_key"] = key
    try:
        declared = _set_hash(session, changes)
    except IntegrityError:  # Taken meanwhile.
        declared = _set_hash(session, {"file_hash": file_hash})
    if not declared:
        refresh(session)
        if session.file_hash == file_hash:
            return
        if session.file_hash:
            raise Conflict("Another SHA-256 was declared before.", code="hash_conflict")
        require_active(session)
        raise _changed()
    session.file_hash = file_hash


@transactional(durable=True)
def _set_hash(session: UploadSession, changes: dict[str, Any]) -> bool:
    return update_if(row_of(session), Q(status=Status.ACTIVE, file_hash=""), **changes)
