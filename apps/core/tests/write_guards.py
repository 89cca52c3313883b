"""A ledger for writers that are tested without one."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass
class Guard:
    """Says what it was told to say, and counts what is spooled."""

    is_writable: bool = True
    spooled: int = 0
    asked: int = 0

    def may_write(self) -> bool:
        self.asked += 1
        return self.is_writable

    def reserve_spool(self, size: int) -> None:
        self.spooled += size

    def release_spool(self) -> None:
        self.spooled = 0
