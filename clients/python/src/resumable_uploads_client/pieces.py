"""Going on with an upload whose chunks are larger than what proxies on the way take: in order, in pieces that fit.

What is stored stays, and so do the chunks: the server puts the pieces together, and passes over what it has.
"""

from __future__ import annotations

import hashlib
from threading import Event

from .api import Session
from .errors import Conflict, Interrupted, ProxyLimit
from .progress import ProgressMeter
from .retrying import Retrying
from .sources import Source
from .transfer import Connection


def append_in_pieces(
    connection: Connection, session: Session, source: Source, retrying: Retrying, stop: Event, meter: ProgressMeter
) -> None:
    """Send what is missing of a source that can be rewound and whose size is known.

    Raises:
        UploadError: also :class:`Interrupted` when ``stop`` was set.
        OSError: the source cannot be read.
    """
    upload_id, size = session["upload_id"], source.size or 0
    offset = retrying.run(lambda: connection.api.offset(upload_id))
    while offset < size:
        source.check_unchanged()
        meter.begin_at(offset)
        try:
            offset = retrying.run(lambda: _append(connection, session, source, offset, stop, meter))  # noqa: B023
        except ProxyLimit:
            connection.line.note_limit(connection.line.request_limit or session["chunk_size"])
        except Conflict as error:
            if error.code != "offset_mismatch":
                raise
            offset = retrying.run(lambda: connection.api.offset(upload_id))


def _append(
    connection: Connection, session: Session, source: Source, offset: int, stop: Event, meter: ProgressMeter
) -> int:
    """One piece, which ends where its chunk does at the latest: the next one may be stored."""
    left_of_chunk = session["chunk_size"] - offset % session["chunk_size"]
    data = source.read(offset, min(connection.line.request_limit or left_of_chunk, left_of_chunk))

    def on_sent(count: int) -> None:
        if stop.is_set():
            raise Interrupted("The upload was stopped.")
        meter.add(count)

    with connection.slots.hold(source.size or 0, stop), connection.line.sending(len(data)):
        digest = hashlib.sha256(data).digest()
        reached = connection.api.append(session["upload_id"], offset, memoryview(data), digest, on_sent)
    if reached % session["chunk_size"]:
        return reached
    return connection.api.offset(session["upload_id"])
