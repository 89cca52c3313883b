"""How many chunks are in flight at once, and whose turn it is."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from threading import Condition, Event

from .errors import Interrupted

MOST_PASSED_OVER = 3
"""Whoever was passed over this often by smaller files is next, so that none starves."""
LOOK_SECONDS = 0.2


@dataclass(eq=False)
class _Waiting:
    size: int
    passed_over: int = 0


class Slots:
    """A bound on how much is in flight. Small files overtake large ones; among equals, who asked first is first."""

    def __init__(self) -> None:
        self._changed = Condition()
        self._limit = 1
        self._used = 0
        self._waiting: list[_Waiting] = []

    @contextmanager
    def hold(self, size: int, done: Event) -> Iterator[None]:
        """Wait for a slot and keep it.

        Args:
            size: of the file that it is for, in bytes; the smallest is next.
            done: ends the wait.

        Raises:
            Interrupted: ``done`` was set first.
        """
        self._enter(size, done)
        try:
            yield
        finally:
            with self._changed:
                self._used -= 1
                self._changed.notify_all()

    def narrow(self) -> None:
        """One at a time from now on: over a line that breaks, one chunk gets through sooner than four."""
        with self._changed:
            self._limit = 1

    def widen(self, most: int) -> None:
        """One more than now, up to ``most``; fewer if that is less."""
        with self._changed:
            self._limit = max(min(self._limit + 1, most), 1)
            self._changed.notify_all()

    def _enter(self, size: int, done: Event) -> None:
        waiting = _Waiting(size)
        with self._changed:
            self._waiting.append(waiting)
            try:
                while self._used >= self._limit or self._next() is not waiting:
                    if done.is_set():
                        raise Interrupted("The upload was stopped.")
                    self._changed.wait(LOOK_SECONDS)
                for earlier in self._waiting[: self._waiting.index(waiting)]:
                    earlier.passed_over += 1
                self._used += 1
            finally:
                self._waiting.remove(waiting)
                self._changed.notify_all()

    def _next(self) -> _Waiting:
        starving = (each for each in self._waiting if each.passed_over >= MOST_PASSED_OVER)
        return next(starving, None) or min(self._waiting, key=lambda each: each.size)
