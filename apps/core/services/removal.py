"""The end of an upload's life: its bytes, then its row and its quota.

Removing goes through the state ``removing``, so that a crash in between leaves something that cleanup finds: the bytes
go first, and the row, which says where they are, in one transaction with the quota. Rows that somebody deletes with the
ORM, or with their user, never pass that state; for them the same happens after the commit.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from functools import partial
from typing import Any

from django.db import transaction

from ..errors import Conflict, UploadError
from ..models import UploadSession
from ..storage import KeptSegments, get_store
from ..storage.destinations import destination_storage
from . import claiming, concatenation, ledger, moving, quotas, transitions
from .transactions import transactional

logger = logging.getLogger(__name__)

Status = UploadSession.Status


def remove(session: UploadSession) -> bool:
    """Remove an upload in any state, record and file. False if it was gone already, or is being removed elsewhere.

    Raises:
        Conflict: its file belongs to a model's row.
    """
    if claiming.confirm_found(session):
        raise Conflict("The file of this upload is in use.", code="claimed")
    if not transitions.begin_removing(session):
        return False
    _try_to_remove(session, lambda: finish_removing(session))
    return True


def finish_removing(session: UploadSession) -> bool:
    """Remove the bytes, then the row, of a session in the state ``removing``. May be repeated; False if it is gone."""
    _remove_all_bytes(session)
    return _delete_row(session)


@transactional(durable=True)
def _delete_row(session: UploadSession) -> bool:
    quotas.lock(session.owner_id)
    deleted, _ = UploadSession.objects.filter(pk=session.pk, status=Status.REMOVING).delete()
    return bool(deleted)


def remove_staged(session: UploadSession) -> None:
    """Remove what a session that ended without a file had staged, and its ledger.

    The session has ended; a disk that cannot be written keeps the bytes until cleanup finds them.
    """
    _try_to_remove(session, lambda: get_store(session.store).discard(session.staged))
    transitions.forget_receipts(session)


def forget_claimed(session: UploadSession) -> bool:
    """Delete the record of an upload whose file a row has; the file stays. False if it is gone already."""
    return bool(UploadSession.objects.filter(pk=session.pk).exclude(claimed_at=None).delete()[0])


def remove_copied(session: UploadSession) -> None:
    """Remove the staged bytes of a completed upload, if its file is a copy of them."""
    _try_to_remove(session, lambda: get_store(session.store).discard(session.staged))


def remove_left_segments(session: UploadSession) -> None:
    """Remove what is left of chunks that were kept piece by piece, and recorded by whoever was faster."""
    store = get_store(session.store)
    if isinstance(store, KeptSegments):
        _try_to_remove(session, lambda: store.remove_all_segments(session.staged))


def _try_to_remove(session: UploadSession, remove_bytes: Callable[[], object]) -> None:
    try:
        remove_bytes()
    except (OSError, UploadError):
        logger.exception("bytes stay until cleanup removes them", extra={"upload_id": str(session.upload_id)})


def expire(session: UploadSession) -> bool:
    """Expire a session with all it had staged, unless it was prolonged or ended meanwhile; then read the row anew.

    A partial upload that is done stays for the final ones that wait for others; an unfinished one takes them with it.

    Raises:
        NotFound: the row is gone.
    """
    expired = not concatenation.is_awaited(session) and transitions.expire(session)
    if expired:
        remove_staged(session)
    ledger.refresh(session)
    return expired


def require_active(session: UploadSession) -> None:
    """Refuse a session that takes no more bytes; an overdue one expires on the spot.

    Raises:
        SessionGone, Conflict, NotFound: as ``ledger.require_active``.
    """
    if session.status == Status.ACTIVE and session.is_expired:
        expire(session)
    ledger.require_active(session)


def cancel(session: UploadSession) -> bool:
    """Cancel an active session with all it had staged. False if it was not active."""
    if not transitions.cancel(session):
        return False
    remove_staged(session)
    return True


def _remove_all_bytes(session: UploadSession) -> None:
    # Staged first: an assembly at work publishes by a rename, before this, and what is published goes next; or after
    # it, and finds nothing to rename. Without a name nothing was published by this row: a file that is there all the
    # same has another record, which a restored backup may have lost.
    store = get_store(session.store)
    store.discard(session.staged)
    if claiming.is_a_rows(session):
        moving.forget_old_name(session)
        return
    if session.destination and session.file.name:
        destination_storage(session.destination).delete(session.file.name)
    elif session.file.name:
        store.remove(session.file.name)


def before_row_deleted(sender: Any, instance: UploadSession, **kwargs: Any) -> None:
    """``pre_delete`` of a session, however it came about: what is about to go is read as it is now, behind the lock."""
    quotas.lock(instance.owner_id)
    now = UploadSession.objects.filter(pk=instance.pk).first()
    if now is None:
        return
    transitions.become(instance, now)
    if now.status == Status.ASSEMBLING:
        instance.file.name = transitions.name_of_published(now)


def on_row_deleted(sender: Any, instance: UploadSession, **kwargs: Any) -> None:
    """``post_delete`` of a session: its quota is released, and after the commit its bytes go."""
    if instance.status in UploadSession.OPEN:
        quotas.close_session(instance, stored=0)
    else:
        is_file = instance.status == Status.COMPLETED and not instance.is_claimed
        quotas.forget_stored(instance.owner_id, size=instance.counted_bytes, files=int(is_file))
    transaction.on_commit(partial(_remove_bytes_of_deleted, instance), robust=True)


def _remove_bytes_of_deleted(session: UploadSession) -> None:
    try:
        _remove_all_bytes(session)
    except Exception:
        logger.exception(
            "bytes of a deleted upload stay; check_uploads finds them", extra={"upload_id": str(session.upload_id)}
        )
