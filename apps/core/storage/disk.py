"""The local disk, as all stores use it: writing everything, and leaving some of it free."""

from __future__ import annotations

import os
from collections.abc import Sequence

from ..conf import upload_settings
from ..errors import StorageFull

_MOST_VECTORS = 1024
"""IOV_MAX of Linux."""


def pwrite_all(fd: int, data: Sequence[bytes | bytearray | memoryview], offset: int) -> None:
    """Write all of ``data`` at ``offset``, without joining it; a single ``pwritev`` may stop early."""
    views = [memoryview(each) for each in data]
    while views:
        written = os.pwritev(fd, views[:_MOST_VECTORS], offset)
        offset += written
        while views and written >= len(views[0]):
            written -= len(views.pop(0))
        if written:
            views[0] = views[0][written:]


def require_free(stats: os.statvfs_result, size: int) -> None:
    """
    Raises:
        StorageFull: ``size`` more bytes would leave less free than the ``min_free_disk_bytes`` setting.
    """
    if stats.f_bavail * stats.f_frsize - size < upload_settings().min_free_disk_bytes:
        raise StorageFull
