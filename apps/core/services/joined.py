"""The ledger of a final upload, whose chunks are recorded by who joins its partials (see :mod:`.concatenation`)."""

from __future__ import annotations

import uuid

from django.db.models import F, Q

from ..grid import Span
from ..models import ChunkReceipt, UploadSession
from .conditional import row_of, update_if
from .transactions import transactional


class JoiningLost(Exception):
    """Somebody else joins these partials now."""


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
