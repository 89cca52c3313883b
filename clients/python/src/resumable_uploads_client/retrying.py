"""When to try again."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from threading import Event
from typing import TypeVar

from .errors import Interrupted, UploadError

RETRY_DELAYS: tuple[float, ...] = (0.5, 1, 2, 4, 8, 15, 30, *([60.0] * 9))
"""Seconds before each further attempt: about ten minutes, a train's tunnel and a server's update."""

T = TypeVar("T")


class Retrying:
    """Tries requests again after what may pass, with jitter, at least as late as the server asks."""

    def __init__(
        self,
        delays: Sequence[float],
        stop: Event,
        on_wait: Callable[[UploadError, float], None] = lambda error, seconds: None,
    ) -> None:
        self._delays = delays
        self._stop = stop
        self._on_wait = on_wait

    def run(self, work: Callable[[], T]) -> T:
        """Return what ``work`` returns.

        Raises:
            UploadError: what is final, or lasted longer than the delays; :class:`Interrupted` once stopped.
        """
        for delay in self._delays:
            try:
                return self._once(work)
            except UploadError as error:
                if not error.retryable:
                    raise
                # Between half and all of it, so that clients cut off together do not return together.
                self._wait(error, max(delay * random.uniform(0.5, 1), error.retry_after or 0))  # noqa: S311
        return self._once(work)

    def _once(self, work: Callable[[], T]) -> T:
        if self._stop.is_set():
            raise Interrupted("The upload was stopped.")
        try:
            return work()
        except UploadError:
            # What breaks because everything is being closed is no failure of its own.
            if self._stop.is_set():
                raise Interrupted("The upload was stopped.") from None
            raise

    def _wait(self, error: UploadError, seconds: float) -> None:
        self._on_wait(error, seconds)
        if self._stop.wait(seconds):
            raise Interrupted("The upload was stopped.")
