"""Letting a store take chunks again that were found damaged, or gone, after its upload was sealed."""

from __future__ import annotations

import logging
import uuid
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

from ..errors import UploadError
from ..models import UploadSession
from ..storage import Staged, StoredPart, get_store

logger = logging.getLogger(__name__)


def parts_of(session: UploadSession) -> Iterator[StoredPart]:
    """All chunks that are recorded, in order."""
    rows = session.receipts.order_by("index").values_list("index", "size", "etag", "sha256")
    for index, size, etag, sha256 in rows.iterator(chunk_size=1000):
        yield StoredPart(index, index * session.chunk_size, size, etag, bytes(sha256))


@dataclass(frozen=True, slots=True)
class Repair:
    """What is to be recorded of staged bytes that were reopened.

    ``damaged`` are the indices of all chunks that must be sent again, ``etags`` those that others have from now on.
    """

    damaged: list[int]
    handle: str
    etags: dict[int, str] = field(default_factory=dict)


def reopen(session: UploadSession, damaged: Sequence[int], lease: uuid.UUID, keep: Callable[[], None]) -> Repair:
    """Make the store take chunks again, with all but the damaged ones in their places.

    Args:
        keep: called now and then while it takes long; ends it by raising.

    Raises:
        SealLost: somebody else sealed it since.
    """
    again = set(damaged)
    intact = {part.index: part for part in parts_of(session) if part.index not in again}
    store = get_store(session.store)
    reopened = store.reopen(session.staged, intact.values(), lease, keep, mime_type=session.mime_type)
    lost = [index for index in intact if index not in reopened.etags]
    changed = {index: etag for index, etag in reopened.etags.items() if etag != intact[index].etag}
    return Repair(sorted([*again, *lost]), reopened.handle, changed)


def remove_what_was_replaced(session: UploadSession, before: Staged, repair: Repair, *, is_recorded: bool) -> None:
    """Remove the place that is not the session's: the former one, or the new one if the repair was not recorded."""
    if repair.handle == before.handle:
        return
    store = get_store(session.store)
    try:
        if is_recorded:
            store.remove(store.name_of(before))
        else:
            store.discard_orphan(Staged(session.upload_id, repair.handle))
    except UploadError:
        logger.exception("a replaced place stays; check_uploads finds it", extra={"upload_id": str(session.upload_id)})
