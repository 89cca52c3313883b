"""How many bytes of chunks this process holds in memory, over all requests.

Writers that hold too much write it out. (JSON bodies cannot be written before they are whole; see
``protocols.json_memory``, which refuses instead.)
"""

from __future__ import annotations

from threading import Lock


class MemoryBudget:
    """A counter that many threads share. It never blocks: holders ask ``exhausted`` and write out what they hold."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._used = 0

    def take(self, size: int) -> None:
        with self._lock:
            self._used += size

    def try_take(self, size: int, limit: int) -> bool:
        """Take it unless there would be more than ``limit`` then."""
        with self._lock:
            if self._used + size > limit:
                return False
            self._used += size
            return True

    def release(self, size: int) -> None:
        with self._lock:
            self._used -= size

    def exhausted(self, limit: int) -> bool:
        return self._used > limit


memory_budget = MemoryBudget()
