"""How far an upload is and how fast it goes."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from threading import Lock

WINDOW_SECONDS = 10.0
TELL_EVERY_SECONDS = 0.1


@dataclass(frozen=True)
class Progress:
    """What ``on_progress`` is told. Bytes are those acknowledged and in flight; they never fall."""

    sent_bytes: int
    total_bytes: int | None
    bytes_per_second: float
    remaining_seconds: float | None
    waiting_for: str = ""
    """Why nothing moves, if nothing does."""

    @property
    def percentage(self) -> float | None:
        if self.total_bytes is None:
            return None
        return self.sent_bytes * 100 / self.total_bytes if self.total_bytes else 100.0


OnProgress = Callable[[Progress], None]


class ProgressMeter:
    """Counts from many threads, and tells one listener, ten times a second at most."""

    def __init__(self, total_bytes: int | None, on_progress: OnProgress | None) -> None:
        self._total = total_bytes
        self._on_progress = on_progress
        self._lock = Lock()
        self._bytes = 0
        self._highest = 0
        self._samples: deque[tuple[float, int]] = deque()
        self._told = 0.0

    def add(self, count: int) -> None:
        """Bytes that left, or negative: that have to be sent again."""
        with self._lock:
            self._bytes += count
            self._highest = max(self._highest, self._bytes)
            now = time.monotonic()
            if now - self._told < TELL_EVERY_SECONDS:
                return
            self._tell(now)

    def begin_at(self, count: int) -> None:
        """What the server has already says nothing about the speed."""
        with self._lock:
            self._bytes = self._highest = count
            self._samples.clear()
            self._tell(time.monotonic())

    def wait(self, reason: str) -> None:
        with self._lock:
            self._samples.clear()
            self._tell(time.monotonic(), reason)

    def finish(self, total_bytes: int) -> None:
        with self._lock:
            self._total = self._highest = self._bytes = total_bytes
            self._tell(time.monotonic())

    def _tell(self, now: float, waiting_for: str = "") -> None:
        self._told = now
        self._samples.append((now, self._bytes))
        while now - self._samples[0][0] > WINDOW_SECONDS:
            self._samples.popleft()
        since, bytes_then = self._samples[0]
        speed = max((self._bytes - bytes_then) / (now - since), 0.0) if now > since else 0.0
        left = None if self._total is None or not speed else (self._total - self._highest) / speed
        if self._on_progress is not None:
            self._on_progress(Progress(self._highest, self._total, speed, left, waiting_for))
