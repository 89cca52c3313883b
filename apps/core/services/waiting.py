"""Waiting for an assembly, in a bounded number of places.

Who waits holds a thread, and a database connection between looking. So a process has a few places to wait in, and who
finds none is told at once that the work goes on (202), as those are for whom it takes too long.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator

from ..models import UploadSession
from . import ledger

PLACES = 4
"""In each process."""

_POLL_SECONDS = 0.1

_places = threading.BoundedSemaphore(PLACES)


def looks(seconds: float) -> Iterator[None]:
    """When to look again at what is waited for: for so long, and not at all where no place is free."""
    if seconds <= 0 or not _places.acquire(blocking=False):
        return
    try:
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            yield
            time.sleep(_POLL_SECONDS)
    finally:
        _places.release()


def wait_for_assembly(session: UploadSession, work: threading.Thread | None, seconds: float) -> None:
    """Until the session is assembled, for so long at most; then read the row anew.

    Args:
        work: the thread of this process that assembles it, if it is one.
    """
    for _ in looks(seconds):
        if work is not None:
            work.join(seconds)
        ledger.refresh(session)
        if session.status != UploadSession.Status.ASSEMBLING:
            return
    ledger.refresh(session)
