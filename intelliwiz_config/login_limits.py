"""What one address, one account and all of them together may cost by logging in.

Guesses are counted in the default cache, which all processes share, in windows of fixed length: attempts by address,
failures by account. Hashing a password keeps a core busy for a large part of a second, on purpose; so only one place in
each process hashes for strangers, few wait for it, and the others are asked to come again: uploads go on meanwhile.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from threading import BoundedSemaphore, Lock

from django.core.cache import cache


class TryLater(Exception):
    """Not now: ``status`` and ``wait``, in seconds, say how to tell the client."""

    def __init__(self, message: str, *, status: int, wait: int) -> None:
        super().__init__(message)
        self.status = status
        self.wait = wait


@dataclass(frozen=True)
class Counter:
    """Counts one kind of event for each of many names, most of which strangers choose."""

    kind: str
    limit: int
    window: int
    """Seconds."""

    def require_below_limit(self, name: str) -> None:
        """
        Raises:
            TryLater: it happened ``limit`` times in this window.
        """
        if cache.get(self._key(name), 0) >= self.limit:
            wait = self.window - int(time.time()) % self.window
            raise TryLater(f"Too many attempts. Try again in {_in_words(wait)}.", status=429, wait=wait)

    def count(self, name: str) -> None:
        cache.add(self._key(name), 0, self.window)
        try:
            cache.incr(self._key(name))
        except ValueError:  # It was thrown out between the two.
            cache.set(self._key(name), 1, self.window)

    def take_back(self, name: str) -> None:
        """One that was counted. Not all: who has an account of nearly this name could log in to it in between."""
        with suppress(ValueError):  # Its window is over.
            cache.decr(self._key(name))

    def _key(self, name: str) -> str:
        digest = hashlib.sha256(name.encode(errors="surrogatepass")).hexdigest()[:32]
        return f"login-{self.kind}-{int(time.time()) // self.window}-{digest}"


class Places:
    """A few places at work, and a few more to wait in.

    Args:
        at_work: how many may be inside at once.
        waiting: how many more may wait to get in.
    """

    def __init__(self, *, at_work: int, waiting: int) -> None:
        self._inside = BoundedSemaphore(at_work)
        self._most = at_work + waiting
        self._taken: set[str] = set()
        self._lock = Lock()

    @contextmanager
    def one(self, name: str) -> Iterator[None]:
        """
        Raises:
            TryLater: all places are taken, or one of them by the same name.
        """
        with self._lock:
            if name in self._taken or len(self._taken) >= self._most:
                raise TryLater("Too many people are logging in. Try again in a moment.", status=503, wait=2)
            self._taken.add(name)
        try:
            with self._inside:
                yield
        finally:
            with self._lock:
                self._taken.remove(name)


ATTEMPTS_OF_ADDRESS = Counter("address", limit=60, window=60)
FAILURES_OF_ACCOUNT = Counter("account", limit=10, window=300)
HASHING = Places(at_work=1, waiting=3)


def _in_words(seconds: int) -> str:
    return f"{seconds} seconds" if seconds < 100 else f"{-(-seconds // 60)} minutes"
