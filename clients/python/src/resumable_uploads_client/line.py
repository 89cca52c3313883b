"""How fast the line to a server is, how large a request may be on it, and what follows from that.

What is in flight when a line breaks or a process ends has to be sent again, and keeps others waiting. So no more is in
flight than the line carries in ``IN_FLIGHT_SECONDS``: chunks as large as a second's worth, if the rate is known when
the session begins, and of whatever size they are, as many at once as fit. Until the first chunk has landed, one. No
chunk is larger than what proxies on the way were found to take.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from threading import Lock
from urllib.parse import urlsplit

from .errors import ProxyLimit
from .state import StateDirectory

KIB = 2**10
MIB = 2**20
IN_FLIGHT_SECONDS = 2
CHUNK_SECONDS = 1
SMALLEST = 128 * KIB
LARGEST = 8 * MIB
SMALLEST_REQUEST = 64 * KIB
"""The smallest chunk that servers take by default."""
WANTED_CHUNKS = 32
"""A file is cut into this many at least, if they would not be smaller than 1 MiB then."""
WINDOW_SECONDS = 5.0
ENOUGH_BYTES = 512 * KIB
ENOUGH_SECONDS = 1.0


class Line:
    """The line to one server, seen by all uploads to it. Safe to use from many threads.

    Args:
        url: of the API; its origin names the line.
        state: where the rate is remembered; None: for as long as this lives.
    """

    def __init__(self, url: str, state: StateDirectory | None, now: Callable[[], float] = time.monotonic) -> None:
        self._origin = _origin_of(url)
        self._state = state
        self._now = now
        self._lock = Lock()
        self._busy = 0
        self._busy_since = 0.0
        self._landed: deque[tuple[float, int]] = deque()
        self.rate: float | None = state.line(self._origin, "bytes_per_second") if state else None
        """Bytes per second over all that is sent; None while it is unknown."""
        limit = state.line(self._origin, "request_limit") if state else None
        self.request_limit: int | None = int(limit) if limit else None
        """Bytes that a request may have on the way; None where nothing is known to limit them."""

    @contextmanager
    def sending(self, size: int) -> Iterator[None]:
        """A chunk of so many bytes is on its way, and has landed if this ends without an error."""
        with self._lock:
            if self._busy == 0:
                self._busy_since = self._now()
                self._landed.clear()
            self._busy += 1
        landed = 0
        try:
            yield
            landed = size
        finally:
            with self._lock:
                self._busy -= 1
                if landed:
                    self._land(landed)

    def chunk_size_for(self, file_size: int | None) -> int | None:
        """The chunk size to wish for, in bytes; None leaves it to the server."""
        largest = min(self.request_limit or LARGEST, LARGEST)
        if self.rate is None:
            return None if self.request_limit is None else min(largest, MIB)
        by_file = LARGEST if file_size is None else max(_power_of_two(file_size / WANTED_CHUNKS), MIB)
        return min(max(min(_power_of_two(self.rate * CHUNK_SECONDS), by_file), SMALLEST), largest)

    def note_limit(self, size: int) -> None:
        """A request of so many bytes did not get through.

        Raises:
            ProxyLimit: hardly any does.
        """
        if size <= SMALLEST_REQUEST:
            raise ProxyLimit("Nothing gets through to the server but requests of a few bytes.")
        self.request_limit = max(size // 2, SMALLEST_REQUEST)
        self.remember()

    def in_flight(self, chunk_size: int) -> int:
        """How many chunks of a size may be in flight at once."""
        return 1 if self.rate is None else max(int(self.rate * IN_FLIGHT_SECONDS / chunk_size), 1)

    def remember(self) -> None:
        """For the next process."""
        if self._state is not None and (self.rate or self.request_limit):
            self._state.keep_line(self._origin, bytes_per_second=self.rate, request_limit=self.request_limit)

    def _land(self, size: int) -> None:
        now = self._now()
        self._landed.append((now, size))
        while self._landed[0][0] < now - WINDOW_SECONDS:
            # The next one was on its way since this one landed.
            self._busy_since = max(self._busy_since, self._landed.popleft()[0])
        total = sum(size for _, size in self._landed)
        seconds = max(now - self._busy_since, 1e-6)
        # A small file that takes no time tells how long an answer takes, not how much the line carries.
        if total >= ENOUGH_BYTES or seconds >= ENOUGH_SECONDS:
            self.rate = total / seconds


def _origin_of(url: str) -> str:
    try:
        parts = urlsplit(url)
    except ValueError:
        return url  # Nothing is sent to what is no address; whoever tries is told.
    return f"{parts.scheme}://{parts.netloc}"


def _power_of_two(size: float) -> int:
    return 1 << max(int(size).bit_length() - 1, 0)
