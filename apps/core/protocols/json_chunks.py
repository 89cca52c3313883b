"""JSON chunks: ``POST chunk`` with ``{upload_id, chunk_index, chunk_data, checksum}``, the data in base64."""

from __future__ import annotations

from typing import Any, ClassVar
from uuid import UUID

import orjson
import pybase64
from django.conf import settings

from ..errors import BadRequest, BodyBroken, TooLarge
from ..hashing import parse_sha256
from ..http.protocol import Answer, Body, RequestHead, UploadProtocol, require_identity_encoding
from ..memory import memory_budget
from ..services.principal import Principal
from ..services.resumable_upload_service import ResumableUploadService
from .chunk_answers import answer_chunk


class JsonChunks(UploadProtocol):
    """One chunk per request as JSON. Any declared Content-Type is accepted: ``curl -d`` declares a form."""

    name = "json"
    methods: ClassVar[frozenset[str]] = frozenset({"POST"})

    def begin(self, head: RequestHead) -> Body:
        limit = json_body_limit()
        require_identity_encoding(head.headers)
        if head.content_length is not None and head.content_length > limit:
            raise _too_large(limit)
        return _JsonChunk(head.require_principal(), limit)


class _JsonChunk(Body):
    """Holds one JSON document, which cannot be decoded before it is whole."""

    def __init__(self, principal: Principal, limit: int) -> None:
        self._principal = principal
        self._limit = limit
        self._blocks: list[bytes] = []
        self._size = 0

    def receive(self, block: bytes) -> None:
        self._size += len(block)
        memory_budget.take(len(block))
        self._blocks.append(block)
        if self._size > self._limit:
            raise _too_large(self._limit)

    def finish(self) -> Answer:
        try:
            document = _parse(b"".join(self._blocks))
        finally:
            self.abort()
        upload_id, index, data, checksum = _fields(document)
        service = ResumableUploadService(self._principal)
        chunk = service.receive_chunk(service.find(upload_id), index, checksum)
        if len(data) < chunk.span.size and chunk.span.exact:
            raise BodyBroken(f"Chunk {index} has {chunk.span.size} bytes; chunk_data has {len(data)}.")
        chunk.receive(data)
        return answer_chunk(chunk, JsonChunks.name)

    def abort(self) -> None:
        memory_budget.release(self._size)
        self._size = 0
        self._blocks = []


def json_body_limit() -> int:
    """Largest JSON body in bytes: Django's own ``DATA_UPLOAD_MAX_MEMORY_SIZE``."""
    limit = settings.DATA_UPLOAD_MAX_MEMORY_SIZE
    return int(limit) if limit is not None else 2**63


def _too_large(limit: int) -> TooLarge:
    return TooLarge(f"A JSON body may have at most {limit} bytes; send larger chunks raw.", limit=limit)


def _parse(body: bytes) -> dict[str, Any]:
    try:
        document = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise BadRequest(f"The body is not JSON: {error}.", code="bad_json") from None
    if not isinstance(document, dict):
        raise BadRequest("The body must be a JSON object.", code="bad_json")
    return document


def _fields(document: dict[str, Any]) -> tuple[UUID, int, bytes, bytes]:
    """The fields of a chunk, checked one by one so that the answer names the one that is wrong."""
    upload_id, index, data, checksum = (
        document.get(key) for key in ("upload_id", "chunk_index", "chunk_data", "checksum")
    )
    try:
        parsed_id = UUID(upload_id) if isinstance(upload_id, str) else None
    except ValueError:
        parsed_id = None
    if parsed_id is None:
        raise _bad("upload_id", "must be the upload_id that init returned")
    if not isinstance(index, int) or isinstance(index, bool) or index < 0:
        raise _bad("chunk_index", "must be a whole number from 0 on")
    if not isinstance(data, str):
        raise _bad("chunk_data", "must be the bytes of the chunk in base64")
    if not isinstance(checksum, str):
        raise _bad("checksum", "must be the SHA-256 of the decoded bytes in hex")
    try:
        digest = bytes.fromhex(parse_sha256(checksum))
    except ValueError as error:
        raise _bad("checksum", f"is malformed. {error}".removesuffix(".")) from None
    try:
        decoded = pybase64.b64decode(data, validate=True)
    except ValueError:
        raise _bad("chunk_data", "must be standard base64 with padding and nothing else") from None
    return parsed_id, index, decoded, digest


def _bad(name: str, requirement: str) -> BadRequest:
    return BadRequest(f"{name} {requirement}.", code="bad_field", errors={name: [requirement]})
