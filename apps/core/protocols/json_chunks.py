"""JSON chunks: ``POST chunk`` with ``{upload_id, chunk_index, chunk_data, checksum}``, the data in base64."""

from __future__ import annotations

import re
import secrets
from threading import BoundedSemaphore
from typing import Any, ClassVar
from uuid import UUID

import pybase64

from ..errors import BadRequest, BodyBroken, TooLarge
from ..hashing import parse_sha256
from ..http.protocol import Answer, Body, RequestHead, UploadProtocol, require_identity_encoding
from ..services.principal import Principal
from ..services.resumable_upload_service import ResumableUploadService
from .chunk_answers import answer_chunk
from .json_memory import held_bodies, json_body_limit
from .small_json import bad_field, parse_object

MOST_FIELDS = 32
_DECODERS = BoundedSemaphore(2)
"""Who decodes has the body and its bytes in memory at once, and its text too if there are escapes in the data."""
_DATA = re.compile(rb'"chunk_data"[ \t\r\n]*:[ \t\r\n]*"')
_STANDS_FOR_DATA = secrets.token_hex()
"""In a document whose data are read apart. Nobody knows it, so where it stands after parsing, the data stood."""
_EARLY = 1024
"""Bytes of a body in which to look for what comes before the data."""


class JsonChunks(UploadProtocol):
    """One chunk per request as JSON. Any declared Content-Type is accepted: ``curl -d`` declares a form."""

    name = "json"
    methods: ClassVar[frozenset[str]] = frozenset({"POST"})

    def begin(self, head: RequestHead) -> Body:
        limit = json_body_limit()
        require_identity_encoding(head.headers)
        if head.content_length is not None and head.content_length > limit:
            raise _too_large(limit)
        return _JsonChunk(head.require_principal(), head.content_length, limit)


class _JsonChunk(Body):
    """Holds one JSON document, which cannot be decoded before it is whole."""

    takes_lent_blocks = True

    def __init__(self, principal: Principal, content_length: int | None, limit: int) -> None:
        self._principal = principal
        self._content_length = content_length
        self._limit = limit
        self._body = bytearray()

    def receive(self, block: bytes) -> None:
        is_first = not self._body
        if len(self._body) + len(block) > self._limit:
            raise _too_large(self._limit)
        held_bodies.take(self._principal.key, len(block))
        self._body += block
        if is_first and len(self._body) != self._content_length:
            self._judge_early(bytes(self._body[:_EARLY]))

    def _judge_early(self, start: bytes) -> None:
        """Refuse what its first fields show to be in vain, before the rest is sent and held."""
        named = _named_early(start)
        if named is not None:
            service = ResumableUploadService(self._principal)
            service.require_receivable(service.find(named[0]), named[1])

    def finish(self) -> Answer:
        try:
            return self._finish()
        finally:
            self.abort()

    def _finish(self) -> Answer:
        with _DECODERS:
            upload_id, index, data, checksum = _fields(_document(self._body))
        service = ResumableUploadService(self._principal)
        chunk = service.receive_chunk(service.find(upload_id), index, checksum)
        if len(data) < chunk.span.size and chunk.span.exact:
            raise BodyBroken(f"Chunk {index} has {chunk.span.size} bytes; chunk_data has {len(data)}.")
        chunk.receive(data)
        return answer_chunk(chunk, JsonChunks.name)

    def abort(self) -> None:
        held_bodies.release(self._principal.key, len(self._body))
        self._body = bytearray()


def _too_large(limit: int) -> TooLarge:
    return TooLarge(f"A JSON body may have at most {limit} bytes; send larger chunks raw.", limit=limit)


def _document(body: bytearray) -> dict[str, Any]:
    """The object; its data as a view of the body, if there are no escapes in them. To look at each byte of them as JSON
    would cost more than all else that is done with them."""
    opening = _DATA.search(body)
    start = opening.end() if opening else 0
    end = body.find(b'"', start)
    if opening is None or end < 0 or body.find(b"\\", start, end) >= 0:
        return _parse(body)
    try:
        document = _parse(b"".join([body[:start], _STANDS_FOR_DATA.encode(), body[end:]]))
    except BadRequest:
        return _parse(body)  # Its error says where.
    if document.get("chunk_data") != _STANDS_FOR_DATA:
        return _parse(body)
    return {**document, "chunk_data": memoryview(body)[start:end]}


def _parse(body: bytes | bytearray) -> dict[str, Any]:
    # Structure takes many times the memory of its text; strings do not.
    if body.count(b",") > MOST_FIELDS or body.count(b"[") + body.count(b"{") > MOST_FIELDS:
        raise BadRequest("A chunk is one JSON object with few fields.", code="bad_json")
    return parse_object(body)


def _fields(document: dict[str, Any]) -> tuple[UUID, int, bytes, bytes]:
    """The fields of a chunk, checked one by one so that the answer names the one that is wrong."""
    parsed_id, index = _place(document)
    data, checksum = document.get("chunk_data"), document.get("checksum")
    if not isinstance(data, str | memoryview):
        raise bad_field("chunk_data", "must be the bytes of the chunk in base64")
    if not isinstance(checksum, str):
        raise bad_field("checksum", "must be the SHA-256 of the decoded bytes in hex")
    try:
        digest = bytes.fromhex(parse_sha256(checksum))
    except ValueError as error:
        raise bad_field("checksum", f"is malformed. {error}".removesuffix(".")) from None
    try:
        decoded = pybase64.b64decode(data, validate=True)
    except ValueError:
        raise bad_field("chunk_data", "must be standard base64 with padding and nothing else") from None
    return parsed_id, index, decoded, digest


def _place(document: dict[str, Any]) -> tuple[UUID, int]:
    upload_id, index = document.get("upload_id"), document.get("chunk_index")
    try:
        parsed_id = UUID(upload_id) if isinstance(upload_id, str) else None
    except ValueError:
        parsed_id = None
    if parsed_id is None:
        raise bad_field("upload_id", "must be the upload_id that init returned")
    if not isinstance(index, int) or isinstance(index, bool) or index < 0:
        raise bad_field("chunk_index", "must be a whole number from 0 on")
    return parsed_id, index


def _named_early(start: bytes) -> tuple[UUID, int] | None:
    """Which chunk the body is for, if it says so before it brings the data."""
    before, found, _ = start.partition(b'"chunk_data"')
    if not found:
        return None
    try:
        return _place(_parse(before.rstrip().removesuffix(b",") + b"}"))
    except BadRequest:
        return None  # Other orders of fields are as good; the whole document decides.
