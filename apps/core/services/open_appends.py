"""Ending requests that a newer one took over from.

An append token (see :mod:`.appending`) keeps an older sequential request from recording anything, but not from holding
its connection: a client that is gone is noticed after the receive timeout, and one that still sends, sends for nothing.
So each process keeps a list of its open sequential requests, and ends one as soon as it is superseded:

* by a request of the same process, at once: whoever puts a token into the row says so here (:func:`end_superseded`);
* by one of another process, or when the session takes no bytes any more, within a second: a thread reads the tokens of
  all sessions on the list in one query every :data:`INTERVAL`, however many there are. It lives as long as the list has
  anything on it.

Before somebody of the same process who asks for the offset puts a token into the row, the older ones keep what has
reached them (:func:`hand_over`): a client that comes back on a new connection finds all that the old one brought. They
are waited for, but not for long.

Nothing depends on it: a request that is not ended changes nothing either.
"""

from __future__ import annotations

import logging
import threading
import time
import uuid
from collections.abc import Callable, Iterable

from django.db import connection

from ..models import UploadSession

logger = logging.getLogger(__name__)

INTERVAL = 0.5
"""Seconds between two looks at the tokens."""
PATIENCE = 0.5
"""Seconds for which a newer request waits for what an older one keeps."""

_changed = threading.Condition()
_open: set[OpenAppend] = set()
_watch: threading.Thread | None = None


class OpenAppend:
    """One open sequential request; listed before it has its token, so that it is waited for from its beginning."""

    def __init__(self, session_pk: int) -> None:
        self.session_pk = session_pk
        self.token: uuid.UUID | None = None
        self.end: Callable[[], None] = _nothing
        """Called when it is superseded, from any thread, maybe more than once."""


def _nothing() -> None:
    """Nobody waits for its bytes yet."""


def add(append: OpenAppend) -> None:
    """List a request until :func:`remove`."""
    global _watch
    with _changed:
        if _watch is None:
            watch = threading.Thread(target=_watch_tokens, daemon=True, name="open-appends")
            watch.start()
            _watch = watch
        _open.add(append)


def remove(append: OpenAppend) -> None:
    """The request has ended, and kept what it could."""
    with _changed:
        _open.discard(append)
        _changed.notify_all()


def end_superseded(session_pk: int) -> None:
    """End the session's requests in this process whose token is not in the row any more; all of them if it takes no
    bytes any more."""
    _end_superseded(append for append in _listed() if append.session_pk == session_pk)


def hand_over(session_pk: int) -> None:
    """End all of the session's requests in this process, and wait until they have kept what reached them."""
    for append in _listed():
        if append.session_pk == session_pk:
            _end(append)
    with _changed:
        _changed.wait_for(lambda: all(append.session_pk != session_pk for append in _open), PATIENCE)


def _listed() -> list[OpenAppend]:
    with _changed:
        return list(_open)


def _end_superseded(appends: Iterable[OpenAppend]) -> None:
    # Their tokens before the rows': who gets one meanwhile is not older than what the rows say.
    tokens = [(append, append.token) for append in appends]
    if not tokens:
        return
    sessions = {append.session_pk for append, _ in tokens}
    active = UploadSession.objects.filter(pk__in=sessions, status=UploadSession.Status.ACTIVE)
    newest = dict(active.values_list("pk", "append_token"))
    for append, token in tokens:
        if append.session_pk not in newest or token not in (None, newest[append.session_pk]):
            _end(append)


def _end(append: OpenAppend) -> None:
    """Unless it has ended: its connection may serve the next request by now."""
    with _changed:
        if append in _open:
            append.end()


def _watch_tokens() -> None:
    try:
        while _wait_for_work():
            try:
                _end_superseded(_listed())
            except Exception:
                logger.exception("looking for superseded requests failed")
                connection.close()  # A broken one stays broken.
    finally:
        connection.close()


def _wait_for_work() -> bool:
    global _watch
    time.sleep(INTERVAL)
    with _changed:
        if not _open:
            _watch = None
        return bool(_open)
