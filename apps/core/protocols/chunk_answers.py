"""The answer to one chunk, the same for both ways of sending it."""

from __future__ import annotations

import orjson

from ..errors import ChecksumMismatch
from ..http.protocol import Answer
from ..http.throttles import count_failed_checksum
from ..metrics import count_chunk
from ..models import UploadSession
from ..services.principal import Principal
from ..services.receiving import ChunkSink, StoredChunk


def answer_chunk(sink: ChunkSink, protocol: str) -> Answer:
    """Finish the chunk and answer for it; a failed checksum counts against the sender's throttle."""
    try:
        stored = sink.finish()
    except ChecksumMismatch:
        count_failed_checksum(Principal.owning(sink.session))
        raise
    count_chunk(protocol, sink.received)
    return Answer(200, orjson.dumps(chunk_document(sink.session, stored)), {"Content-Type": "application/json"})


def chunk_document(session: UploadSession, stored: StoredChunk) -> dict[str, object]:
    """The JSON for a chunk. Of the progress only what costs the same for any chunk: no list of missing ones."""
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
