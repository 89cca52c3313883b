"""How many sessions an owner may begin in a period: counted in the owner's usage row, in the UPDATE that reserves.

A throttle in a cache reads, compares and writes, so parallel requests pass it; and not every cache is shared by all
processes. Periods are fixed windows of the clock.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Any

from django.db.models import Case, F, Q, Value, When

from ..conf import upload_settings

SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86400}


@dataclass(frozen=True, slots=True)
class InitRate:
    """``count`` sessions in each ``period`` seconds; no bound if ``count`` is None."""

    count: int | None
    period: int
    now: float

    @classmethod
    def in_force(cls) -> InitRate:
        """The ``init_rate`` setting, at this moment."""
        rate = upload_settings().init_rate
        if not rate:
            return cls(None, 1, time.time())
        count, period = rate.split("/")
        return cls(int(count), SECONDS[period[0]], time.time())

    @property
    def window(self) -> int:
        """Number of the period."""
        return int(self.now // self.period)

    def allows(self) -> Q:
        """Of a usage row that may count one more."""
        if self.count is None:
            return Q()
        return ~Q(init_window=self.window) | Q(init_count__lt=self.count)

    def counting(self) -> dict[str, Any]:
        """The changes that count one more."""
        one_more = Case(When(init_window=self.window, then=F("init_count") + 1), default=Value(1))
        # In this order: MySQL assigns from left to right, and the count depends on the window as it was.
        return {"init_count": one_more, "init_window": self.window}

    def wait(self) -> float:
        """Seconds until the next period."""
        return (self.window + 1) * self.period - self.now
