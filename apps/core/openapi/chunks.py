"""The chunk protocols in the OpenAPI schema."""

from __future__ import annotations

from typing import Any

from . import values
from .operations import BYTES, UPLOAD_ID, answer, json_content, operation, parameter, path_of, reference

_PROBLEMS = (400, 401, 404, 408, 409, 410, 413, 415, 422, 429, 507)


def chunk_paths() -> dict[str, dict[str, Any]]:
    """``POST chunk`` and ``PUT chunk/{upload_id}/{index}``."""
    stored = answer("The chunk is stored and recorded.", json_content(reference("ChunkStored"), values.CHUNK_STORED))
    as_json = operation(
        "chunk",
        "Send a chunk as JSON.",
        "The bytes are in base64. Chunks may come in any order and in parallel; the same one again is a success.",
        ["upload"],
        body=json_content(reference("ChunkRequest"), values.CHUNK),
        answers={"200": stored},
        problems=_PROBLEMS,
    )
    raw = operation(
        "raw_chunk",
        "Send a chunk as it is.",
        "A third less network than JSON, and most of the CPU saved.",
        ["upload"],
        parameters=[
            UPLOAD_ID,
            {**parameter("index", 0, "From 0 on.", place="path"), "schema": {"type": "integer", "minimum": 0}},
            parameter("Content-Digest", values.CONTENT_DIGEST, "RFC 9530: sha-256=:<base64>:"),
        ],
        body=BYTES,
        answers={"200": stored},
        problems=_PROBLEMS,
    )
    return {path_of("chunk"): {"post": as_json}, path_of("raw-chunk", "upload_id", "index"): {"put": raw}}


_INTEGER = {"type": "integer"}
CHUNK_SCHEMAS: dict[str, Any] = {
    "ChunkRequest": {
        "type": "object",
        "required": ["upload_id", "chunk_index", "chunk_data", "checksum"],
        "properties": {
            "upload_id": {"type": "string", "format": "uuid"},
            "chunk_index": {"type": "integer", "minimum": 0},
            "chunk_data": {
                "type": "string",
                "contentEncoding": "base64",
                "description": "The bytes of the chunk in standard base64.",
            },
            "checksum": {
                "type": "string",
                "pattern": "^[0-9a-fA-F]{64}$",
                "description": "SHA-256 of the decoded bytes in hex.",
            },
        },
    },
    "ChunkStored": {
        "type": "object",
        "required": ["upload_id", "chunk_index", "progress"],
        "properties": {
            "upload_id": {"type": "string", "format": "uuid"},
            "chunk_index": _INTEGER,
            "progress": {
                "type": "object",
                "required": ["percentage", "received_chunks", "total_chunks", "received_bytes"],
                "properties": {
                    "percentage": {"type": "number"},
                    "received_chunks": _INTEGER,
                    "total_chunks": {"type": ["integer", "null"]},
                    "received_bytes": _INTEGER,
                },
            },
        },
    },
}
