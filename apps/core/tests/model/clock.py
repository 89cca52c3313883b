"""The time of a run: it passes only when the program says so."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta


class Clock:
    def __init__(self) -> None:
        self._begin = self._now = datetime.now(UTC)

    def now(self) -> datetime:
        # No two events have the same time.
        self._now += timedelta(microseconds=1)
        return self._now

    def seconds_until(self, moment: datetime) -> int:
        return round((moment - self._now).total_seconds())

    def monotonic(self) -> float:
        return (self.now() - self._begin).total_seconds()

    def time(self) -> float:
        return self.now().timestamp()

    def sleep(self, seconds: float) -> None:
        self._now += timedelta(seconds=seconds)
