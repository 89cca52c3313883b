"""Claims: a model's row takes the file of a completed upload as its own, once.

``Model.save()`` opens no transaction of its own, its row and the ledger may be in different databases, and a process
can be killed between any two statements. Never may two rows have one file, never may a row name a file that is gone,
and no file may stay behind that nobody knows of. So:

A claim is a lease
    It is a compare-and-set of the upload's row, and holds for a while only (``claim_lease_seconds``). What saves the
    model's row makes it (:func:`claim`), renews it right before (:func:`keep`), and confirms it once the row is there
    (:func:`confirm`): within the same transaction if both are in one, so that both are committed or neither is;
    otherwise after the row's commit.

Nobody confirmed it in time
    Then the process was killed, the row was never saved, or it was saved by ways that send no signal
    (``bulk_create``). Whoever wants the file next, or cleanup, asks the model's tables (:func:`settle`): where a row
    names the file, the claim is confirmed, else the file is free again. A row that was so slow that its claim was given
    to another is told so by :func:`confirm`, and loses the name. One that was committed after its claim had been freed
    is found before the file is removed or given to another (:func:`confirm_found`, :func:`is_a_rows`).

From the claim on the file belongs to the row: the upload is not removed, ends by no term, and leaves its owner's quota.
"""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db.models import Q
from django.utils import timezone

from ..conf import upload_settings
from ..errors import NotFound, ReferenceAlreadyClaimed, ReferenceRefused
from ..models import UploadSession
from . import ledger, quotas
from .conditional import row_of, update_if
from .rows import row_naming
from .transactions import transactional

Status = UploadSession.Status


@dataclass(frozen=True, slots=True)
class Claim:
    """One save's claim of one upload."""

    session: UploadSession
    token: uuid.UUID


def claim(session: UploadSession) -> Claim:
    """Take the file of a completed upload for a row that is about to be saved.

    Raises:
        ReferenceAlreadyClaimed: another row has it, or is about to.
        ReferenceRefused: it was removed meanwhile.
    """
    token = uuid.uuid4()
    if _take(session, token, _lease_end(), if_never_claimed=True):
        return Claim(session, token)
    try:
        ledger.refresh(session)
    except NotFound:
        raise _removed() from None
    if session.status != Status.COMPLETED:
        raise _removed()
    is_free = settle(session) if session.is_claimed else not confirm_found(session)
    if not is_free or not _take(session, token, _lease_end()):
        raise ReferenceAlreadyClaimed
    return Claim(session, token)


def keep(held: Claim) -> Claim:
    """Hold a claim that a save made a while ago, right before its row is saved; a claim that was rolled back, or given
    up after its time, is made again.

    Raises:
        ReferenceAlreadyClaimed, ReferenceRefused: as :func:`claim`.
    """
    mine = UploadSession.objects.filter(pk=held.session.pk, claim_token=held.token).exclude(claimed_at=None)
    if mine.filter(claim_expires_at=None).exists() or mine.update(claim_expires_at=_lease_end()):
        return held
    return claim(held.session)


def confirm(held: Claim, pk: Any) -> bool:
    """The row is there: the claim holds for good. False if it was given to another, because this took too long."""
    mine = Q(claim_token=held.token) & ~Q(claimed_at=None)
    # A composite key does not come back from a text: its row is found by the file's name.
    claimed_pk = "" if isinstance(pk, tuple) else str(pk)
    if update_if(row_of(held.session), mine, claim_expires_at=None, claimed_pk=claimed_pk):
        return True
    return _take(held.session, held.token, None) and update_if(row_of(held.session), mine, claimed_pk=claimed_pk)


def settle(session: UploadSession) -> bool:
    """End a claim whose lease ran out: confirm it if a row names the file, else free the file. True if it is free."""
    now = timezone.now()
    if session.claim_token is None or session.claim_expires_at is None or session.claim_expires_at > now:
        return False
    try:
        row = row_naming(session, session.file.name or "")
    except LookupError:
        return False  # The model is gone from the code, and may come back.
    if row is not None:
        confirm(Claim(session, session.claim_token), row.pk)
        return False
    return _free(session, now)


def is_a_rows(session: UploadSession) -> bool:
    """Whether the file is that of a row, or may be: a claim that is neither confirmed nor at work is compared with the
    tables."""
    if session.claim_token is None:
        return False
    is_held = session.claim_expires_at is None or session.claim_expires_at > timezone.now()
    if session.is_claimed and is_held:
        return True
    try:
        return row_naming(session, session.file.name or "") is not None
    except LookupError:
        return True


def confirm_found(session: UploadSession) -> bool:
    """Whether a row names the file of an upload whose claim was freed: it has it then."""
    if session.status != Status.COMPLETED or session.is_claimed or session.claim_token is None:
        return False
    try:
        row = row_naming(session, session.file.name or "")
    except LookupError:
        return False
    return row is not None and confirm(Claim(session, session.claim_token), row.pk)


@transactional(durable=True)
def _take(
    session: UploadSession, token: uuid.UUID, lease_end: datetime | None, *, if_never_claimed: bool = False
) -> bool:
    quotas.lock(session.owner_id)
    now = UploadSession.objects.filter(pk=session.pk).first()
    changes = {
        "claimed_at": timezone.now(),
        "claim_token": token,
        "claim_expires_at": lease_end,
        "claimed_pk": "",
        "counted_bytes": 0,
    }
    free = Q(status=Status.COMPLETED, claimed_at=None) & (Q(claim_token=None) if if_never_claimed else Q())
    if now is None or not update_if(row_of(session), free, **changes):
        return False
    quotas.forget_stored(now.owner_id, size=now.counted_bytes, files=1)
    return True


@transactional(durable=True)
def _free(session: UploadSession, now: datetime) -> bool:
    quotas.lock(session.owner_id)
    size = session.total_size or 0
    # The token stays: it says that there may be a row after all.
    changes = {"claimed_at": None, "claim_expires_at": None, "counted_bytes": size}
    over = Q(status=Status.COMPLETED, claim_token=session.claim_token, claim_expires_at__lte=now)
    if not update_if(row_of(session), over, **changes):
        return False
    quotas.count_stored(session.owner_id, size=size, files=1)
    return True


def _lease_end() -> datetime:
    return timezone.now() + timedelta(seconds=upload_settings().claim_lease_seconds)


def _removed() -> ReferenceRefused:
    return ReferenceRefused("The uploaded file was removed; upload it again.", "reference_removed")
