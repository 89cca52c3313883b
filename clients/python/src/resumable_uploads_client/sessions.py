"""Which session a source goes into: one that is remembered, one that the server finds by its hash, or a new one."""

from __future__ import annotations

from typing import Any

from .api import Session, UploadApi
from .errors import Conflict, NotFound, SessionEnded
from .reading import hash_of
from .sources import Source
from .state import StateDirectory

MIB = 2**20
LARGE_FILE = 64 * MIB
LARGE_CHUNK = 8 * MIB


class Sessions:
    """Opens sessions for sources.

    With a state directory they are remembered there. Without one the source is hashed first, and the server's
    idempotent ``init`` finds an open session of the same name, size and hash.
    """

    def __init__(self, api: UploadApi, state: StateDirectory | None) -> None:
        self._api = api
        self._state = state

    def open(self, source: Source, *, anew: bool = False, **fields: Any) -> tuple[Session, bool]:
        """A session and whether it was there before.

        Raises:
            UploadError: the server will not have it, or cannot be reached.
        """
        fields = {
            "filename": source.name,
            "total_size": source.size,
            **fields,
            "chunk_size": fields.get("chunk_size") or preferred_chunk_size(source.size),
        }
        fingerprint = source.fingerprint
        if fingerprint is None or self._state is None:
            file_hash = hash_of(source) if source.rewindable and self._state is None else None
            session = self._api.init(**fields, file_hash=file_hash)
            return session, session["progress"]["received_chunks"] > 0
        with self._state.exclusive(self._api.url, fingerprint):
            earlier = None if anew else self._remembered(source, fingerprint)
            session = earlier or self._api.init(**fields)
            self._state.remember(self._api.url, fingerprint, session["upload_id"])
        return session, earlier is not None

    def resume(self, upload_id: str, source: Source) -> Session:
        """A session by its id.

        Raises:
            Conflict: it is for a file of another size.
        """
        session = self._api.status(upload_id)
        if session["status"] in ("cancelled", "expired", "failed"):
            raise SessionEnded(f"This upload is {session['status']}.", code=f"session_{session['status']}")
        if session["total_size"] not in (None, source.size):
            raise Conflict(
                f"This upload is of a file of {session['total_size']} bytes, not {source.size}.", code="size_conflict"
            )
        return session

    def forget(self, source: Source) -> None:
        if self._state is not None and source.fingerprint is not None:
            self._state.forget(self._api.url, source.fingerprint)

    def _remembered(self, source: Source, fingerprint: str) -> Session | None:
        assert self._state is not None
        upload_id = self._state.find(self._api.url, fingerprint)
        if upload_id is None:
            return None
        try:
            return self.resume(upload_id, source)
        except (NotFound, SessionEnded, Conflict):
            self._state.forget(self._api.url, fingerprint)
            return None


def preferred_chunk_size(size: int | None) -> int | None:
    """Bytes to wish for; None leaves it to the server. Larger for large files, and for pipes, which may be."""
    return LARGE_CHUNK if size is None or size >= LARGE_FILE else None
