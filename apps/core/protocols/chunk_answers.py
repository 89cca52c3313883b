"""What both ways of sending one chunk have in common: the receiver around the engine's, and the answer."""

from __future__ import annotations

import orjson

from ..errors import ChecksumMismatch
from ..http.protocol import Answer
from ..http.throttles import count_failed_checksum
from ..metrics import bytes_received, chunks_received
from ..models import UploadSession
from ..services.receiving import ChunkReceiver, StoredChunk


def store(receiver: ChunkReceiver, protocol: str) -> Answer:
    """Finish the chunk and answer for it; a failed checksum counts against the sender's throttle."""
    try:
        stored = receiver.finish()
    except ChecksumMismatch:
        count_failed_checksum(receiver.session.owner)
        raise
    chunks_received.labels(protocol=protocol).inc()
    bytes_received.labels(protocol=protocol).inc(receiver.received)
    return Answer(200, orjson.dumps(chunk_document(receiver.session, stored)), {"Content-Type": "application/json"})


def chunk_document(session: UploadSession, stored: StoredChunk) -> dict[str, object]:
    """The answer to a chunk. Of the progress only what costs the same for any chunk: no list of missing ones."""
    session.received_bytes = stored.totals.received_bytes
    session.received_chunks = stored.totals.received_chunks
    return {
        "upload_id": str(session.upload_id),
        "chunk_index": stored.index,
        "progress": {
            "percentage": session.progress_percentage,
            "received_chunks": session.received_chunks,
            "total_chunks": session.total_chunks,
            "received_bytes": session.received_bytes,
        },
    }
