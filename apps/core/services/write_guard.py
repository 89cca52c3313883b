"""The engine's word to a store's writers: whether a chunk may be written, and what lies beside it counts."""

from __future__ import annotations

import logging

from django.db import DatabaseError

from ..models import UploadSession
from . import hot_queries, quotas

logger = logging.getLogger(__name__)


class ChunkGuard:
    """A ``storage.WriteGuard`` for one sender of one chunk."""

    def __init__(self, session: UploadSession, index: int) -> None:
        self._session = session
        self._index = index
        self._spooled = 0

    def may_write(self) -> bool:
        state = hot_queries.select_chunk_state(self._session.pk, self._index)
        if state is None:
            return False
        status, _, recorded = state
        return status == UploadSession.Status.ACTIVE and recorded is None

    def reserve_spool(self, size: int) -> None:
        quotas.reserve_spool(self._session, size)
        self._spooled = size

    def release_spool(self) -> None:
        size, self._spooled = self._spooled, 0
        if not size:
            return
        try:
            quotas.release_spool(self._session, size)
        except DatabaseError:
            # The request has its answer by now; the session's end releases it.
            logger.warning("spooled bytes stay reserved", extra={"upload_id": str(self._session.upload_id)})
