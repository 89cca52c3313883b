"""Noticing that a sender has stopped for now, where a thread reads its body and so cannot.

Each process keeps a list of the requests that want to know it; a thread looks at them now and then, for as long as
there are any. Under ASGI the event loop notices by itself (:mod:`.patience`).
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

from django.db import connections

from .exchange import Exchange

logger = logging.getLogger(__name__)

INTERVAL = 0.5
"""Seconds between two looks."""


class WatchedReading:
    """One request whose body a thread reads."""

    def __init__(self, exchange: Exchange) -> None:
        self.exchange = exchange
        self._since = time.monotonic()
        self._is_noted = False

    def note_block(self) -> None:
        """Something came."""
        self._since = time.monotonic()
        self._is_noted = False

    def look(self) -> None:
        """Tell the request, once, if nothing came for as long as it wants to be told."""
        seconds = self.exchange.silence_seconds
        if self._is_noted or seconds is None or time.monotonic() - self._since < seconds:
            return
        self._is_noted = True
        self.exchange.note_silence()


_lock = threading.Lock()
_readings: set[WatchedReading] = set()
_watch: threading.Thread | None = None


@contextmanager
def watched(exchange: Exchange) -> Iterator[WatchedReading]:
    """Watch a request while its body is read."""
    global _watch
    reading = WatchedReading(exchange)
    if exchange.silence_seconds is None:
        yield reading
        return
    with _lock:
        _readings.add(reading)
        if _watch is None:
            _watch = threading.Thread(target=_look_at_all, daemon=True, name="silence")
            _watch.start()
    try:
        yield reading
    finally:
        with _lock:
            _readings.discard(reading)


def _look_at_all() -> None:
    try:
        while readings := _wait():
            for reading in readings:
                try:
                    reading.look()
                except Exception:
                    logger.exception("noting that a sender is silent failed")
    finally:
        connections.close_all()


def _wait() -> list[WatchedReading]:
    global _watch
    time.sleep(INTERVAL)
    with _lock:
        if not _readings:
            _watch = None
        return list(_readings)
