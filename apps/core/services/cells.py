"""Having a chunk for oneself while its bytes become the stored ones.

A store that can lock (``ChunkLocks``) does so for the few milliseconds that it takes. An object store cannot: of two
parts with one number the last wins and both are acknowledged, so it would be luck whose bytes a receipt describes.
There the ledger *reserves* the chunk before its part is sent. No transaction and no lock is held meanwhile; what is
held is a row that names the SHA-256 of the bytes that may become the chunk's, and a deadline.

* **Other bytes** are refused (409) while a reservation lasts, as they are once the chunk is recorded.
* **The same bytes** wait a moment for the one who sends them, and then are sent beside it: whoever comes first records
  them for both, and as they are the same nobody can tell the parts apart. So a sender that was killed holds up nobody
  who sends what it sent.
* **The receipt** is written in one transaction with the removal of the reservation, and only if one for these bytes is
  there (``ledger.record``): a sender that was stopped for longer than its reservation lasted, while another one took
  the chunk, records nothing.
* **The newest sequential request** takes the reservation of an older one over at once, whatever bytes it names: that
  one can record nothing any more, since its append token is gone.

What remains is a request that the store gets to see after all that, from a sender that is dead or was stopped. Nothing
can fence it. It replaces the part, and is found when the upload is sealed, because that names the ETag of the receipt:
the chunk is asked for again, and no other (``PartsChanged``).
"""

from __future__ import annotations

import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from django.db import DatabaseError
from django.db.models import Q
from django.utils import timezone

from ..errors import ChunkSuperseded, NotFound
from ..models import ChunkReservation, UploadSession
from ..storage import Store, locks_chunks
from .transactions import retried

RESERVED_FOR = timedelta(minutes=5)
"""More than all tries of a request take. Who takes longer records it all the same, unless the chunk was taken since."""
TWIN_PATIENCE = 2.0
"""Seconds that a second sender of the same bytes waits for the first."""
_POLL_SECONDS = 0.05


@dataclass(slots=True)
class Cell:
    """One chunk that the caller has for itself."""

    entry: Any = None
    """What the store's lock gave."""
    reservation: uuid.UUID | None = None
    """The token of the reservation, where the ledger has one; None again once it is used up."""


@contextmanager
def held(session: UploadSession, store: Store, index: int, digest: bytes, *, supersede: bool) -> Iterator[Cell]:
    """Have a chunk for oneself, to make bytes with this SHA-256 the stored ones.

    Args:
        supersede: for the newest sequential request.

    Raises:
        NotFound: the session is gone.
        StagingMissing: the upload's staged bytes are gone.
        ChunkSuperseded: others are sending other bytes for it at this moment.
    """
    if locks_chunks(store):
        with store.exclusive(session.staged, index) as entry:
            yield Cell(entry)
        return
    cell = Cell(reservation=_reserve(session, index, digest, supersede=supersede))
    try:
        yield cell
    finally:
        release(session, index, cell)


@contextmanager
def locked(session: UploadSession, store: Store, index: int) -> Iterator[Any]:
    """Lock a chunk to keep the first part of it, where the store can; elsewhere that part has a name of its own."""
    if locks_chunks(store):
        with store.exclusive(session.staged, index) as entry:
            yield entry
    else:
        yield None


@contextmanager
def locked_run(session: UploadSession, store: Store, first: int, count: int) -> Iterator[list[Any]]:
    """As :func:`locked`, several chunks in a row."""
    if locks_chunks(store):
        with store.exclusive_run(session.staged, first, count) as entries:
            yield entries
    else:
        yield [None] * count


def reserve(session: UploadSession, store: Store, index: int, digest: bytes) -> Cell:
    """Reserve a chunk for the newest sequential request, until :func:`release`; nothing where the store can lock."""
    if locks_chunks(store):
        return Cell()
    return Cell(reservation=_reserve(session, index, digest, supersede=True))


def release(session: UploadSession, index: int, cell: Cell) -> None:
    """Let others send other bytes for the chunk; one that was joined meanwhile stays."""
    token, cell.reservation = cell.reservation, None
    if token is None:
        return
    with suppress(DatabaseError):  # It runs out by itself.
        ChunkReservation.objects.filter(session=session, index=index, token=token).delete()


def _reserve(session: UploadSession, index: int, digest: bytes, *, supersede: bool) -> uuid.UUID:
    token = uuid.uuid4()
    row = ChunkReservation.objects.filter(session=session, index=index)
    patience = time.monotonic() + TWIN_PATIENCE
    while True:
        now = timezone.now()
        fields = {
            "token": token,
            "sha256": digest,
            "expires_at": now + RESERVED_FOR,
            "is_sequential": supersede,
        }
        _insert(ChunkReservation(session=session, index=index, **fields))
        held = row.first()
        if held is None:
            if not UploadSession.objects.filter(pk=session.pk).exists():
                raise NotFound
            time.sleep(_POLL_SECONDS)  # Released in this very moment.
            continue
        if held.token == token:
            return token
        is_same = bytes(held.sha256) == digest
        is_over = (supersede and held.is_sequential) or held.expires_at <= now
        if not is_same and not is_over:
            raise ChunkSuperseded(index)
        if is_over or time.monotonic() >= patience:
            if _take_over(held, fields):
                return token
        else:
            time.sleep(_POLL_SECONDS)


def _insert(reservation: ChunkReservation) -> None:
    retried(lambda: ChunkReservation.objects.bulk_create([reservation], ignore_conflicts=True))


def _take_over(held: ChunkReservation, fields: dict[str, Any]) -> bool:
    unchanged = Q(pk=held.pk, token=held.token)
    return retried(lambda: bool(ChunkReservation.objects.filter(unchanged).update(**fields)))
