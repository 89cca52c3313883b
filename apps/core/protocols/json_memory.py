"""Memory for JSON bodies, which cannot be decoded before they are whole, nor be written anywhere before.

Bytes are counted as they arrive, for each user and for the process, so that a promise of a large body takes nothing
from anybody. Who finds no room is refused, and so gives back what it held: nobody waits, and nothing can lock up.
"""

from __future__ import annotations

from collections import Counter
from threading import Lock

from django.conf import settings

from ..conf import upload_settings
from ..errors import Throttled, Unavailable


def json_body_limit() -> int:
    """Largest JSON body in bytes: Django's ``DATA_UPLOAD_MAX_MEMORY_SIZE``, or without it what one user may hold."""
    limit = settings.DATA_UPLOAD_MAX_MEMORY_SIZE
    return int(limit) if limit is not None else upload_settings().json_memory_bytes // 2


class HeldBodies:
    """Bytes that this process holds, by user."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._by_user: Counter[str] = Counter()

    def take(self, user: str, size: int) -> None:
        """
        Raises:
            Throttled: with these bytes the user would hold more than half of what all may.
            Unavailable: with these bytes the process would hold more than it may.
        """
        limit = upload_settings().json_memory_bytes
        with self._lock:
            held, total = self._by_user[user], self._by_user.total()
            # One body fits, however small the setting is.
            if held + size > max(limit // 2, json_body_limit()):
                raise Throttled("You are sending too many JSON bodies at once. Wait, or send raw chunks.", wait=1)
            if total + size > max(limit, json_body_limit()):
                raise Unavailable("The server is receiving too many JSON bodies at the moment.")
            self._by_user[user] = held + size

    def release(self, user: str, size: int) -> None:
        with self._lock:
            self._by_user[user] -= size
            if not self._by_user[user]:
                del self._by_user[user]

    @property
    def total(self) -> int:
        with self._lock:
            return self._by_user.total()


held_bodies = HeldBodies()
