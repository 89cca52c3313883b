"""Proxies in front of this server that take no large requests, as clients find out and the operator should know.

A limit is one setting in the proxy (nginx: ``client_max_body_size``). Until it is set, clients send smaller chunks.
"""

from __future__ import annotations

import logging
from threading import Lock

logger = logging.getLogger(__name__)

MOST_TOLD = 16
"""Limits that one process tells of; what clients say is not believed without end."""

_told: set[int] = set()
_lock = Lock()


def note_request_limit(size: int) -> None:
    """A client found that something on the way takes no requests of more than ``size`` bytes. Told once a size."""
    with _lock:
        if size in _told or len(_told) >= MOST_TOLD:
            return
        _told.add(size)
    logger.warning(
        "a proxy in front of this server takes no requests of more than about %d bytes, so uploads are slower than "
        "they could be; raise its limit on bodies",
        size,
        extra={"request_limit": size},
    )
