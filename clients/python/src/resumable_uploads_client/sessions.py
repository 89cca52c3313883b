"""Which session a source goes into: one that is remembered, one that the server finds, or a new one."""

from __future__ import annotations

import hashlib
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

    The server finds an open session by the key that it was begun with, made of the source's fingerprint, so that
    ``init`` may be repeated. A state directory finds also those that were completed without anybody hearing of it.
    """

    def __init__(self, api: UploadApi, state: StateDirectory | None) -> None:
        self._api = api
        self._state = state

    def open(self, source: Source, *, by_hash: bool = False, **fields: Any) -> Session:
        """A session for a source: the one of an earlier attempt, or a new one.

        Args:
            by_hash: the fingerprint leads to a session with other bytes. The server finds no session by its hash that
                was begun with a key, so this is never the same one again, and yet every attempt with these bytes
                finds it.

        Raises:
            UploadError: the server will not have it, or cannot be reached.
        """
        if not by_hash and (earlier := self._remembered(source)):
            return earlier
        fingerprint = None if by_hash else source.fingerprint
        session = self._api.init(
            **{
                "filename": source.name,
                "total_size": source.size,
                **fields,
                "chunk_size": fields.get("chunk_size") or preferred_chunk_size(source.size),
            },
            client_key=client_key(fingerprint) if fingerprint else None,
            file_hash=hash_of(source) if fingerprint is None else None,
        )
        if self._state is not None and source.fingerprint and source.rewindable:
            self._state.remember(self._api.url, source.fingerprint, session["upload_id"])
        return session

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

    def _remembered(self, source: Source) -> Session | None:
        if self._state is None or source.fingerprint is None:
            return None
        upload_id = self._state.find(self._api.url, source.fingerprint)
        if upload_id is None:
            return None
        try:
            return self.resume(upload_id, source)
        except (NotFound, SessionEnded, Conflict):
            self._state.forget(self._api.url, source.fingerprint)
            return None


def client_key(fingerprint: str) -> str:
    """A key for the server, from which no path can be read."""
    return hashlib.sha256(fingerprint.encode(errors="surrogateescape")).hexdigest()[:32]


def preferred_chunk_size(size: int | None) -> int | None:
    """Bytes to wish for; None leaves it to the server. Larger for large files, and for pipes, which may be."""
    return LARGE_CHUNK if size is None or size >= LARGE_FILE else None
