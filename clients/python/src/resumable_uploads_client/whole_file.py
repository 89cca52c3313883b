"""Files of one chunk, which take one request: the IETF draft's creation with all of the bytes.

The request has a key of its own and may be repeated with it, if its answer was lost; there is one upload in the end.
"""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Mapping
from threading import Event
from typing import Any
from urllib.parse import quote

from .api import Session
from .errors import FileChanged, Interrupted
from .progress import ProgressMeter
from .sources import Source
from .transfer import Connection

ONE_CHUNK = 2**20
"""Files up to so many bytes are one chunk whatever the server prefers."""

_KEY = re.compile(r"[!-+\--~]+")
"""What tus's Upload-Metadata has for keys."""


def goes_in_one_request(source: Source, *, metadata: Mapping[str, Any] | None, chunk_size: int | None) -> bool:
    """Whether a source can go in one request, with all that belongs to it."""
    is_text = all(_KEY.fullmatch(key) and isinstance(value, str) for key, value in (metadata or {}).items())
    fits = source.rewindable and 0 < (source.size or 0) <= min(chunk_size or ONE_CHUNK, ONE_CHUNK)
    return fits and is_text and all(_is_utf8(text) for text in (source.name, *(metadata or {}).values()))


def send_whole(
    connection: Connection,
    source: Source,
    key: str,
    meter: ProgressMeter,
    stop: Event,
    *,
    metadata: Mapping[str, str] | None,
    mime_type: str | None,
) -> Session:
    """Send a source; returns its session, completed or assembling.

    Raises:
        UploadError: also :class:`FileChanged`, and :class:`Interrupted` when ``stop`` was set.
        OSError: it cannot be read.
    """
    data = source.read(0, ONE_CHUNK)
    source.check_unchanged()
    if len(data) != source.size:
        raise FileChanged(f"{source.name} changed while it was being uploaded.")
    headers = {
        "Content-Type": mime_type or "application/octet-stream",
        "Content-Disposition": f"attachment; filename*=UTF-8''{quote(source.name, safe='')}",
        "Idempotency-Key": f'"{key}"',
        "Repr-Digest": f"sha-256=:{_base64(hashlib.sha256(data).digest())}:",
        "Upload-Complete": "?1",
    }
    if metadata:
        pairs = (f"{name} {_base64(text.encode())}" for name, text in metadata.items())
        headers["Upload-Metadata"] = ",".join(pairs)
    left = 0

    def on_sent(count: int) -> None:
        nonlocal left
        if stop.is_set():
            raise Interrupted("The upload was stopped.")
        left += count
        meter.add(count)

    try:
        with connection.slots.hold(len(data), stop), connection.line.sending(len(data)):
            return connection.api.create_whole(memoryview(data), headers, on_sent)
    except BaseException:
        meter.add(-left)
        raise


def _is_utf8(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _base64(data: bytes) -> str:
    return base64.b64encode(data).decode()
