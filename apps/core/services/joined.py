"""The ledger of a final upload, whose chunks are recorded by who joins its partials (see :mod:`.concatenation`)."""

from __future__ import annotations

import uuid

from django.db.models import F, Q

from ..grid import Span
from ..models import ChunkReceipt, UploadSession
from ..storage import Staged, get_store
from .conditional import row_of, update_if
from .transactions import transactional


class JoiningLost(Exception):
    """Somebody else joins these partials now."""


def begin_anew(final: UploadSession, lease: uuid.UUID) -> None:
    """Make a new place for a final whose staged bytes are gone: all chunks are to be joined again.

    Raises:
        JoiningLost: the lease is not this one any more.
    """
    store = get_store(final.store)
    handle = store.begin(final.upload_id, mime_type=final.mime_type)
    if not _replace_place(final, lease, handle):
        store.discard_orphan(Staged(final.upload_id, handle))
        raise JoiningLost


@transactional()
def _replace_place(final: UploadSession, lease: uuid.UUID, handle: str) -> bool:
    held = Q(status=UploadSession.Status.ASSEMBLING, lease_token=lease)
    nothing = {"received_chunks": 0, "received_bytes": 0, "contiguous_chunks": 0}
    if not update_if(row_of(final), held, store_handle=handle, **nothing):
        return False
    final.receipts.all().delete()
    return True


@transactional()
def record(final: UploadSession, span: Span, digest: bytes, etag: str, lease: uuid.UUID) -> None:
    """Write the receipt of a chunk whose bytes were verified, and count it.

    Raises:
        JoiningLost: the lease is not this one any more.
    """
    counted = update_if(
        row_of(final),
        Q(status=UploadSession.Status.ASSEMBLING, lease_token=lease),
        received_chunks=F("received_chunks") + 1,
        received_bytes=F("received_bytes") + span.size,
    )
    if not counted:
        raise JoiningLost
    ChunkReceipt.objects.create(session=final, index=span.index, size=span.size, sha256=digest, etag=etag)
