"""Which session a source goes into: one that is remembered, one that the server finds, or a new one."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from typing import Any

from .api import Session, UploadApi
from .errors import Conflict, NotFound, SessionEnded
from .sources import Source
from .state import StateDirectory


class Sessions:
    """Opens sessions for sources.

    The server finds an open session by the key that it was begun with, made of the source's fingerprint, so that
    ``init`` may be repeated. A state directory finds also those that were completed without anybody hearing of it.
    """

    def __init__(self, api: UploadApi, state: StateDirectory | None) -> None:
        self._api = api
        self._state = state

    def open(
        self, source: Source, *, own_key: str = "", send_whole: Callable[[], Session] | None = None, **fields: Any
    ) -> Session:
        """A session for a source: the one of an earlier attempt, or a new one.

        Args:
            own_key: the fingerprint leads to a session with other bytes; this leads to no earlier one.
            send_whole: sends the source with its creation, if it goes in one request.

        Raises:
            UploadError: the server will not have it, or cannot be reached.
        """
        if not own_key and (earlier := self._remembered(source)):
            return earlier
        if send_whole is not None:
            return send_whole()
        session = self._api.init(
            filename=source.name,
            total_size=source.size,
            client_key=own_key or client_key(source.fingerprint),
            **fields,
        )
        if self._state is not None and source.rewindable:
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
        if self._state is not None:
            self._state.forget(self._api.url, source.fingerprint)

    def _remembered(self, source: Source) -> Session | None:
        upload_id = self._state.find(self._api.url, source.fingerprint) if self._state is not None else None
        if upload_id is None:
            return None
        try:
            return self.resume(upload_id, source)
        except (NotFound, SessionEnded, Conflict):
            self.forget(source)
            return None


def client_key(fingerprint: str) -> str:
    """A key for the server, from which no path can be read."""
    return hashlib.sha256(fingerprint.encode(errors="surrogateescape")).hexdigest()[:32]
