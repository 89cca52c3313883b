"""The chunk protocols in the OpenAPI schema: they are no DRF views, so their operations are described here."""

from __future__ import annotations

from typing import Any

from django.urls import NoReverseMatch, reverse

_SAMPLE_ID = "00000000-0000-0000-0000-000000000000"

_PROBLEM = {"application/problem+json": {"schema": {"$ref": "#/components/schemas/ProblemDocument"}}}
_DESCRIPTIONS = {
    "400": "A field, the size or the checksum is wrong.",
    "401": "No valid token.",
    "404": "No such upload of yours.",
    "408": "The body stopped arriving.",
    "409": "Other bytes are stored under this index, or the session takes no more chunks.",
    "410": "The session expired or was cancelled.",
    "413": "More bytes than the chunk has.",
    "415": "The body is compressed.",
    "422": "The first bytes show that the content cannot pass.",
    "429": "Too many failed checksums.",
    "507": "No room.",
}


def _operation(operation_id: str, description: str, body: dict[str, Any]) -> dict[str, Any]:
    stored = {
        "description": "The chunk is stored and recorded.",
        "content": {"application/json": {"schema": {"$ref": "#/components/schemas/ChunkStored"}}},
    }
    refused = {status: {"description": text, "content": _PROBLEM} for status, text in _DESCRIPTIONS.items()}
    return {
        "operationId": operation_id,
        "description": description,
        "tags": ["upload"],
        "security": [{"bearer": []}, {"cookieAuth": []}],
        "requestBody": {"required": True, "content": body},
        "responses": {"200": stored, **refused},
    }


def add_protocols(result: dict[str, Any], **kwargs: Any) -> dict[str, Any]:
    """drf-spectacular postprocessing hook: adds ``POST chunk`` and ``PUT chunk/{upload_id}/{index}``."""
    try:
        json_path = reverse("resumable_uploads:chunk")
        raw_path = reverse("resumable_uploads:raw-chunk", kwargs={"upload_id": _SAMPLE_ID, "index": "0"})
    except NoReverseMatch:
        return result
    result["components"]["schemas"].update(_CHUNK_SCHEMAS)
    result["paths"][json_path] = {
        "post": _operation(
            "chunk",
            "Send one chunk as JSON with base64. Chunks may come in any order and in parallel.",
            {"application/json": {"schema": {"$ref": "#/components/schemas/ChunkRequest"}}},
        )
    }
    raw = _operation(
        "raw_chunk",
        "Send one chunk as it is: a third less network and most of the CPU saved.",
        {"application/octet-stream": {"schema": {"type": "string", "format": "binary"}}},
    )
    raw["parameters"] = [
        {"name": "upload_id", "in": "path", "required": True, "schema": {"type": "string", "format": "uuid"}},
        {"name": "index", "in": "path", "required": True, "schema": {"type": "integer", "minimum": 0}},
        {
            "name": "Content-Digest",
            "in": "header",
            "required": False,
            "description": "RFC 9530: sha-256=:<base64>:",
            "schema": {"type": "string"},
        },
    ]
    result["paths"][raw_path.replace(_SAMPLE_ID, "{upload_id}").removesuffix("0") + "{index}"] = {"put": raw}
    result["paths"] = dict(sorted(result["paths"].items()))
    return result


_INTEGER = {"type": "integer"}
_CHUNK_SCHEMAS: dict[str, Any] = {
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
