"""A bound on how fast bytes leave, over all that is sent at once."""

from __future__ import annotations

import time
from collections.abc import Callable
from threading import Lock


class Bandwidth:
    """Lets at most so many bytes a second pass. Safe to use from many threads.

    Who sends waits until the bytes before its own have had their time; so nothing is saved up while nobody sends.
    """

    def __init__(
        self,
        bytes_per_second: float,
        now: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._rate = bytes_per_second
        self._now = now
        self._sleep = sleep
        self._lock = Lock()
        self._free_at = 0.0

    def take(self, count: int) -> None:
        """Wait until ``count`` bytes may leave."""
        with self._lock:
            start = max(self._free_at, self._now())
            self._free_at = start + count / self._rate
        wait = start - self._now()
        if wait > 0:
            self._sleep(wait)
