"""The composite hash of a session: one digest over all its receipts, which a sender compares before anything is read.

Comparing and beginning to assemble are one transaction with the row locked: chunks leave the ledger in a transaction
that changes the row too, so the receipts that were compared are those that the stored bytes are verified against.
"""

from __future__ import annotations

from ..errors import Conflict
from ..hashing import composite_of
from ..models import UploadSession
from . import transitions
from .transactions import transactional

Status = UploadSession.Status


def recorded_composite(session: UploadSession) -> str:
    """Of the receipts that the ledger has."""
    digests = session.receipts.order_by("index").values_list("sha256", flat=True)
    return composite_of(bytes(digest) for digest in digests.iterator(chunk_size=2000))


def _require_same(declared: str, recorded: str) -> None:
    if declared != recorded:
        raise Conflict(
            f"The recorded chunks are not those that this composite hash is of: theirs is {recorded}.",
            code="composite_mismatch",
        )


def require_composite(session: UploadSession, declared: str, total_size: int | None = None) -> None:
    """Compare what the sender says of all chunks with what is recorded of them. What is missing is another matter.

    Args:
        total_size: of the file, in bytes, if the session does not have it yet.

    Raises:
        Conflict: ``composite_mismatch``.
    """
    if session.composite_hash:
        return _require_same(declared, session.composite_hash)
    size = session.total_size if total_size is None else total_size
    if size is not None and session.receipts.count() == session.grid.of_size(size).total_chunks:
        _require_same(declared, recorded_composite(session))
    return None


@transactional(durable=True)
def begin_assembling(session: UploadSession, declared: str) -> bool:
    """active -> assembling, if every chunk is recorded and all are those that the sender has. False if some are not.

    Raises:
        Conflict: ``composite_mismatch``; then the session stays active.
    """
    if not UploadSession.objects.select_for_update().filter(pk=session.pk, status=Status.ACTIVE).exists():
        return False
    require_composite(session, declared)
    return transitions.begin_assembling(session)
