"""The moves of a session from state to state, each one compare-and-set, and the lease on its assembly.

active -> assembling -> completed; active -> cancelled | expired; assembling -> active | failed; any -> removing -> no
row. What an ended session had reserved of its owner's quota is released in the same transaction.

Leases
    A large file takes minutes to assemble, longer than a request lives, and a server can die in the middle. So the work
    belongs to whoever holds the session's *lease*: a random token and a time at which it runs out, both in the row.

    * Taking it is one UPDATE, conditional on nobody having one that still runs (:func:`take_lease`). A row in
      ``assembling`` without any is free too: its server died before it took one, or released it after an error. So
      nothing stays in ``assembling``, whatever dies between two steps, as long as anybody asks (or cleanup runs).
    * Its holder renews it several times within its length (:func:`renew_lease`, :func:`note_progress`). A holder that
      was stopped for longer finds its token gone, and ends: each of these says False then.
    * Whatever ends ``assembling`` is conditional on the token (:func:`finish_completed`, :func:`finish_failed`,
      :func:`finish_damaged`), so of two who believe that they hold it, one ends the state.
    * Between two renewals a former holder may still be at work on the bytes. So the store is sealed with the lease's
      token, and publishes or reopens for whoever sealed it last alone (``Store.seal``): a former holder that comes to
      life again cannot move away what its successor is reading, or has handed back to the sender as damaged.
"""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from django.db.models import F, Q, Sum
from django.utils import timezone

from ..conf import upload_settings
from ..errors import Conflict
from ..models import ChunkReceipt, ChunkReservation, KeptSegment, UploadSession
from ..storage import get_store
from . import quotas
from .conditional import row_of, update_if
from .repair import Repair
from .transactions import flushed, transactional

Status = UploadSession.Status

ANNOUNCE_TIME = timedelta(minutes=5)
"""A signal that was begun longer ago, and not ended, belongs to a server that was killed."""


def begin_assembling(session: UploadSession) -> bool:
    """active -> assembling, if every chunk is recorded. False if that was not so."""
    return _move(session, Status.ACTIVE, Status.ASSEMBLING, received_chunks=session.total_chunks)


def take_lease(session: UploadSession) -> uuid.UUID | None:
    """Become the one that assembles; None if somebody else is at it."""
    return _take_lease(session, Q(status=Status.ASSEMBLING))


def take_lease_to_move(session: UploadSession) -> uuid.UUID | None:
    """Become the one that moves a claimed file to its name; None if there is nothing to move, or somebody is at it."""
    waiting = Q(status=Status.COMPLETED, is_name_provisional=True, claim_expires_at=None)
    return _take_lease(session, waiting & ~Q(claimed_at=None))


def _take_lease(session: UploadSession, waiting: Q) -> uuid.UUID | None:
    now = timezone.now()
    token = uuid.uuid4()
    free = Q(lease_expires_at=None) | Q(lease_expires_at__lte=now)
    taken = update_if(row_of(session), free & waiting, lease_token=token, lease_expires_at=_lease_end(now))
    return token if taken else None


def note_move(session: UploadSession, lease: uuid.UUID, **changes: Any) -> bool:
    """Keep the lease, and note how far the move got. False if the lease was lost."""
    held = Q(status=Status.COMPLETED, is_name_provisional=True, lease_token=lease)
    noted = update_if(row_of(session), held, lease_expires_at=_lease_end(timezone.now()), **changes)
    for attribute, value in changes.items() if noted else ():
        setattr(session, attribute, value)
    return noted


def renew_lease(session: UploadSession, lease: uuid.UUID) -> bool:
    """Keep the lease; False if it was lost."""
    return _renew(session, lease)


def note_progress(session: UploadSession, lease: uuid.UUID, assembled_bytes: int, state: bytes = b"") -> bool:
    """Keep the lease, and note how far the work got, for whoever waits or takes over. False if it was lost."""
    return _renew(session, lease, assembled_bytes=assembled_bytes, assembled_state=state)


def _renew(session: UploadSession, lease: uuid.UUID, **changes: Any) -> bool:
    held = Q(status=Status.ASSEMBLING, lease_token=lease)
    return update_if(row_of(session), held, lease_expires_at=_lease_end(timezone.now()), **changes)


def note_destination(session: UploadSession, lease: uuid.UUID, *, name: str, **digests: str) -> bool:
    """Keep under which name a file is about to be published; and its digests, which are verified. False if the lease
    was lost."""
    noted = _renew(session, lease, destination_name=name, **digests)
    if noted:
        session.destination_name = name
        for attribute, digest in digests.items():
            setattr(session, attribute, digest)
    return noted


def release_lease(session: UploadSession, lease: uuid.UUID) -> None:
    """Let the next one assemble at once."""
    UploadSession.objects.filter(pk=session.pk, lease_token=lease).update(lease_expires_at=None)


def finish_completed(session: UploadSession, lease: uuid.UUID, *, sha256: str, composite_hash: str, name: str) -> bool:
    """assembling -> completed. False if the lease was lost."""
    size = session.total_size or 0
    digests = {"sha256": sha256, "composite_hash": composite_hash}
    changes: dict[str, Any] = {**digests, "file": name, "counted_bytes": size}
    guard = {"lease_token": lease}
    return _end(session, Status.ASSEMBLING, Status.COMPLETED, guard, stored=size, files=1, **changes)


def finish_failed(session: UploadSession, lease: uuid.UUID, *, code: str, detail: str) -> bool:
    """assembling -> failed: the content is refused. False if the lease was lost."""
    changes: dict[str, Any] = {"error_code": code, "error_detail": detail, "metadata": {}}
    return _end(session, Status.ASSEMBLING, Status.FAILED, {"lease_token": lease}, **changes)


def begin_joining(final: UploadSession) -> bool:
    """active -> assembling, of an upload whose chunks are made of its partials'. False if that was not so."""
    return _move(final, Status.ACTIVE, Status.ASSEMBLING, concat=UploadSession.Concat.FINAL)


def finish_waiting(final: UploadSession, lease: uuid.UUID) -> bool:
    """assembling -> active: a partial must be sent on. What was joined stays. False if the lease was lost."""
    changes = {"lease_expires_at": None, "expires_at": next_expiry(timezone.now(), final.created_at)}
    return _move(final, Status.ASSEMBLING, Status.ACTIVE, lease_token=lease, changes=changes)


def fail_waiting(final: UploadSession, *, code: str, detail: str) -> bool:
    """active -> failed: a partial has ended. False if it was not active."""
    return _end(final, Status.ACTIVE, Status.FAILED, {}, error_code=code, error_detail=detail, metadata={})


@transactional(durable=True)
def finish_damaged(session: UploadSession, lease: uuid.UUID, repair: Repair) -> bool:
    """assembling -> active: the damaged chunks leave the ledger and are missing again. False if the lease was lost."""
    now = timezone.now()
    moved = _move(
        session,
        Status.ASSEMBLING,
        Status.ACTIVE,
        lease_token=lease,
        changes={
            "expires_at": next_expiry(now, session.created_at),
            "lease_expires_at": None,
            "assembled_bytes": 0,
            "assembled_state": b"",
            "store_handle": repair.handle,
        },
    )
    if moved:
        _note_repair(session, repair)
    return moved


@transactional(durable=True)
def drop_damaged(partial: UploadSession, repair: Repair, receipts: dict[int, int]) -> bool:
    """Chunks of a partial upload leave the ledger and are missing again. False if it ended, or was repaired already.

    Args:
        receipts: those that were found wrong, by index: a chunk that was sent again meanwhile has another one.
    """
    row = UploadSession.objects.select_for_update().filter(pk=partial.pk)
    if not row.filter(status=Status.ACTIVE, store_handle=partial.store_handle).exists():
        return False
    if partial.receipts.filter(pk__in=receipts.values()).count() != len(receipts):
        return False
    row.update(store_handle=repair.handle)
    _note_repair(partial, repair)
    return True


def _note_repair(session: UploadSession, repair: Repair) -> None:
    for index, etag in repair.etags.items():
        session.receipts.filter(index=index).update(etag=etag)
    KeptSegment.objects.filter(session=session).delete()
    _forget_chunks(session, repair.damaged)


def _forget_chunks(session: UploadSession, damaged: Sequence[int]) -> None:
    for start in range(0, len(damaged), 500):
        session.receipts.filter(index__in=damaged[start : start + 500]).delete()
    left = session.receipts.aggregate(size=Sum("size"))
    UploadSession.objects.filter(pk=session.pk).update(
        received_chunks=session.receipts.count(),
        received_bytes=left["size"] or 0,
        contiguous_chunks=min(damaged),
        damaged_chunks=F("damaged_chunks") + len(damaged),
        partial_size=0,
        partial_sha256="",
        partial_state=b"",
    )


def cancel(session: UploadSession) -> bool:
    """active -> cancelled. False if it was not active."""
    return _end(session, Status.ACTIVE, Status.CANCELLED, {}, metadata={})


def expire(session: UploadSession) -> bool:
    """active -> expired, only if its ``expires_at`` is still the one that was read; False if not."""
    return _end(session, Status.ACTIVE, Status.EXPIRED, {"expires_at": session.expires_at}, metadata={})


@transactional(durable=True)
def begin_removing(session: UploadSession) -> bool:
    """any -> removing: hidden from its owner, its bytes still counted until they are gone. False if it was there.

    What an open session had reserved counts as stored meanwhile, so that removing can always take away
    ``counted_bytes``.

    Raises:
        Conflict: its file belongs to a model's row.
    """
    quotas.lock(session.owner_id)
    now = UploadSession.objects.select_for_update().filter(pk=session.pk).first()
    if now is None or now.status == Status.REMOVING:
        return False
    if now.is_claimed:
        raise Conflict("The file of this upload is in use.", code="claimed")
    counted = now.counted_bytes
    if now.status in UploadSession.OPEN:
        counted = quotas.held_by(now)
        quotas.close_session(now, stored=counted)
    if now.status == Status.COMPLETED:
        quotas.forget_stored(now.owner_id, files=1)
    if now.status == Status.ASSEMBLING:
        # It may have been published, and not recorded, by an assembly that is at work or was killed.
        now.file.name = name_of_published(now)
    UploadSession.objects.filter(pk=session.pk).update(
        status=Status.REMOVING,
        file=now.file.name or "",
        counted_bytes=counted,
        reserved_bytes=0,
        spooled_bytes=0,
        dedupe_key=None,
        lease_expires_at=None,
        lease_token=None,
        updated_at=timezone.now(),
    )
    now.status, now.counted_bytes = Status.REMOVING, counted
    become(session, now)
    return True


def name_of_published(session: UploadSession) -> str:
    """Under which name an assembly publishes, or published, a file; empty if it did not get so far."""
    return session.destination_name if session.destination else get_store(session.store).name_of(session.staged)


def become(session: UploadSession, now: UploadSession) -> None:
    """Give an instance that may be out of date the fields of one that was just read."""
    for field in UploadSession._meta.concrete_fields:
        setattr(session, field.attname, getattr(now, field.attname))


def begin_announcing(session: UploadSession) -> bool:
    """Become the one that sends ``upload_completed``. False if it was sent, or somebody began to a moment ago."""
    now = timezone.now()
    nobody_is_at_it = Q(announcing_at=None) | Q(announcing_at__lte=now - ANNOUNCE_TIME)
    owed = Q(status=Status.COMPLETED, announced_at=None)
    return update_if(row_of(session), owed & nobody_is_at_it, announcing_at=now)


def mark_announced(session: UploadSession) -> None:
    UploadSession.objects.filter(pk=session.pk).update(announced_at=timezone.now())


def forget_receipts(session: UploadSession) -> None:
    """Drop the ledger of an ended session."""
    for model in (ChunkReceipt, KeptSegment, ChunkReservation):
        model._default_manager.filter(session=session).delete()


def forget_receipts_of_ended(*, completed_before: datetime) -> None:
    """Drop the ledgers of uploads that completed long ago, whose SHA-256 says all that is left to say; and of those
    that ended without a file, where a server died before it did."""
    is_done = Q(session__status=Status.COMPLETED, session__ended_at__lte=completed_before)
    is_over = Q(session__status__in=(Status.CANCELLED, Status.EXPIRED, Status.FAILED))
    ChunkReceipt.objects.filter(is_done | is_over).delete()


@transactional(durable=True)
def _end(
    session: UploadSession,
    before: str,
    after: str,
    guard: dict[str, Any],
    *,
    stored: int = 0,
    files: int = 0,
    **changes: Any,
) -> bool:
    quotas.lock(session.owner_id)
    held = UploadSession.objects.filter(pk=session.pk).first()
    changes = {
        "ended_at": timezone.now(),
        "lease_expires_at": None,
        "dedupe_key": None,
        "reserved_bytes": 0,
        "spooled_bytes": 0,
        "assembled_state": b"",
        **changes,
    }
    if held is None or not _move(session, before, after, changes=changes, **guard):
        return False
    quotas.close_session(held, stored=stored, files=files)
    session.refresh_from_db()
    return True


def _move(
    session: UploadSession, before: str, after: str, *, changes: dict[str, Any] | None = None, **guard: Any
) -> bool:
    condition = Q(status=before, **guard)
    with flushed():
        return update_if(row_of(session), condition, status=after, updated_at=timezone.now(), **(changes or {}))


def next_expiry(now: datetime, created_at: datetime | None = None) -> datetime:
    """When a session expires that received something now."""
    limits = upload_settings()
    latest = (created_at or now) + timedelta(hours=limits.session_max_age_hours)
    return min(now + timedelta(hours=limits.session_ttl_hours), latest)


def _lease_end(now: datetime) -> datetime:
    return now + timedelta(seconds=upload_settings().lease_seconds)
