"""Ending requests that a newer one took over from.

An append token (see :mod:`.appending`) keeps an older sequential request from recording anything, but not from holding
its connection: a client that is gone is noticed after the receive timeout, and one that still sends, sends for nothing.
So each process keeps a list of its open sequential requests, and ends one as soon as it is superseded:

* by a request of the same process, at once: whoever puts a token into the row says so here (:func:`superseded`);
* by one of another process, or when the session takes no bytes any more, within a second: a thread reads the tokens of
  all sessions on the list in one query every :data:`INTERVAL`, however many there are. It lives as long as the list has
  anything on it.

Nothing depends on it: a request that is not ended changes nothing either.
"""

from __future__ import annotations

import logging
import threading
import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass

from django.db import connection

from ..models import UploadSession

logger = logging.getLogger(__name__)

Status = UploadSession.Status

INTERVAL = 0.5
"""Seconds between two looks at the tokens."""

_lock = threading.Lock()
_open: dict[OpenAppend, Callable[[], None]] = {}
_watch: threading.Thread | None = None


@dataclass(frozen=True, slots=True)
class OpenAppend:
    """One open sequential request."""

    session_pk: int
    token: uuid.UUID


def add(append: OpenAppend, end: Callable[[], None]) -> None:
    """List an open request. ``end`` is called once, from any thread, when it is superseded."""
    global _watch
    with _lock:
        _open[append] = end
        if _watch is None:
            _watch = threading.Thread(target=_watch_tokens, daemon=True, name="open-appends")
            _watch.start()


def remove(append: OpenAppend) -> None:
    """The request ended by itself."""
    with _lock:
        _open.pop(append, None)


def superseded(session_pk: int, newest: uuid.UUID | None) -> None:
    """End the session's requests but for the newest; all of them if it takes no bytes any more."""
    with _lock:
        older = [append for append in _open if append.session_pk == session_pk and append.token != newest]
        ends = [_open.pop(append) for append in older]
    for end in ends:
        end()


def _watch_tokens() -> None:
    global _watch
    try:
        while _wait_for_work():
            try:
                look()
            except Exception:
                logger.exception("looking for superseded requests failed")
    finally:
        connection.close()


def _wait_for_work() -> bool:
    global _watch
    time.sleep(INTERVAL)
    with _lock:
        if not _open:
            _watch = None
        return bool(_open)


def look() -> None:
    """Read the tokens of all sessions with open requests, and end those that were superseded."""
    with _lock:
        pks = {append.session_pk for append in _open}
    newest = dict.fromkeys(pks)
    newest.update(UploadSession.objects.filter(pk__in=pks, status=Status.ACTIVE).values_list("pk", "append_token"))
    for pk, token in newest.items():
        superseded(pk, token)
