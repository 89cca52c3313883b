"""Claims: a model's row takes the file of a completed upload as its own, once.

``Model.save()`` opens no transaction of its own, its row and the ledger may be in different databases, and a process
can be killed between any two statements. Never may two rows have one file, never may a row name a file that is gone,
and no file may stay behind that nobody knows of. So:

Within one transaction
    If the row is saved inside a transaction of the ledger's database, the claim is a compare-and-set in it
    (:func:`claim`): both are committed, or neither is.

With a lease
    Otherwise the claim is committed before the row is, and holds for a while only (``claim_lease_seconds``). What saves
    the row renews it right before (:func:`keep`) and confirms it afterwards (:func:`confirm`), after the commit of the
    row's own transaction if there is one. If nobody confirms it in time, whoever wants the file next, or cleanup, asks
    the model's table (:func:`settle`): where a row names the file, the claim is confirmed, else the file is free again.
    A row that was so slow that its claim was given to another is told so by :func:`confirm`, and loses the name.

From the claim on the file belongs to the row: the upload is not removed, ends by no term, and leaves its owner's quota.
"""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db import DEFAULT_DB_ALIAS, connections, router, transaction
from django.db.models import Q
from django.utils import timezone

from ..conf import upload_settings
from ..errors import NotFound, ReferenceAlreadyClaimed, ReferenceRefused
from ..models import UploadSession
from ..storage.destinations import upload_field
from . import ledger, quotas
from .conditional import row_of, update_if
from .transactions import transactional

Status = UploadSession.Status


@dataclass(frozen=True, slots=True)
class Claim:
    """One save's claim of one upload."""

    session: UploadSession
    token: uuid.UUID
    is_leased: bool
    """Whether it must be confirmed; else it is in the row's own transaction."""


def claim(session: UploadSession, *, using: str) -> Claim:
    """Take the file of a completed upload for a row that is about to be saved.

    Args:
        using: alias of the database where the row is saved.

    Raises:
        ReferenceAlreadyClaimed: another row has it, or is about to.
        ReferenceRefused: it was removed meanwhile.
    """
    is_leased = not _shares_transaction(using)
    token = uuid.uuid4()
    if _take(session, token, _lease_end() if is_leased else None):
        return Claim(session, token, is_leased)
    try:
        ledger.refresh(session)
    except NotFound:
        raise _removed() from None
    if session.status != Status.COMPLETED:
        raise _removed()
    if not settle(session) or not _take(session, token, _lease_end() if is_leased else None):
        raise ReferenceAlreadyClaimed
    return Claim(session, token, is_leased)


def keep(held: Claim, *, using: str) -> Claim:
    """Hold a claim that a save made a while ago, right before its row is saved; a claim that was rolled back, or given
    up after its time, is made again.

    Raises:
        ReferenceAlreadyClaimed, ReferenceRefused: as :func:`claim`.
    """
    mine = UploadSession.objects.filter(pk=held.session.pk, claim_token=held.token)
    if mine.filter(claim_expires_at=None).exists() or mine.update(claim_expires_at=_lease_end()):
        return held
    return claim(held.session, using=using)


def note_row(held: Claim, pk: Any) -> None:
    """Say which row has the file, in the transaction of both."""
    UploadSession.objects.filter(pk=held.session.pk, claim_token=held.token).update(claimed_pk=str(pk))


def confirm(held: Claim, pk: Any) -> bool:
    """The row is committed: the claim holds for good. False if it was given to another, because this took too long."""
    mine = Q(claim_token=held.token)
    if update_if(row_of(held.session), mine, claim_expires_at=None, claimed_pk=str(pk)):
        return True
    return bool(_take(held.session, held.token, None)) and update_if(row_of(held.session), mine, claimed_pk=str(pk))


def settle(session: UploadSession) -> bool:
    """End a claim whose lease ran out: confirm it if a row names the file, else free the file. True if it is free."""
    now = timezone.now()
    if session.claim_token is None or session.claim_expires_at is None or session.claim_expires_at > now:
        return False
    try:
        pk = row_naming(session, session.file.name or "")
    except LookupError:
        return False  # The model is gone from the code, and may come back.
    if pk is not None:
        confirm(Claim(session, session.claim_token, is_leased=True), pk)
        return False
    return _free(session, now)


def row_naming(session: UploadSession, name: str) -> Any:
    """The primary key of the row whose field has this name, locked and read as it is now; None if there is none.

    Raises:
        LookupError: the field is gone.
    """
    field = upload_field(session.purpose)
    alias = router.db_for_write(field.model)
    with transaction.atomic(using=alias):
        rows: Any = field.model._base_manager.using(alias).select_for_update()
        if session.claimed_pk:
            rows = rows.filter(pk=session.claimed_pk)
        return rows.filter(**{field.name: name}).values_list("pk", flat=True).first()


@transactional(durable=True)
def _take(session: UploadSession, token: uuid.UUID, lease_end: datetime | None) -> bool:
    quotas.lock(session.owner_id)
    now = UploadSession.objects.filter(pk=session.pk).first()
    changes = {
        "claimed_at": timezone.now(),
        "claim_token": token,
        "claim_expires_at": lease_end,
        "claimed_pk": "",
        "counted_bytes": 0,
    }
    if now is None or not update_if(row_of(session), Q(status=Status.COMPLETED, claimed_at=None), **changes):
        return False
    quotas.forget_stored(now.owner_id, size=now.counted_bytes, files=1)
    return True


@transactional(durable=True)
def _free(session: UploadSession, now: datetime) -> bool:
    quotas.lock(session.owner_id)
    size = session.total_size or 0
    changes = {"claimed_at": None, "claim_token": None, "claim_expires_at": None, "counted_bytes": size}
    over = Q(status=Status.COMPLETED, claim_token=session.claim_token, claim_expires_at__lte=now)
    if not update_if(row_of(session), over, **changes):
        return False
    quotas.count_stored(session.owner_id, size=size, files=1)
    return True


def _shares_transaction(using: str) -> bool:
    return using == DEFAULT_DB_ALIAS and connections[using].in_atomic_block


def _lease_end() -> datetime:
    return timezone.now() + timedelta(seconds=upload_settings().claim_lease_seconds)


def _removed() -> ReferenceRefused:
    return ReferenceRefused("The uploaded file was removed; upload it again.", "reference_removed")
