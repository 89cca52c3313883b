"""Raw chunks: ``PUT chunk/<upload_id>/<index>`` with the bytes as the body.

An optional ``Content-Digest: sha-256=:<base64>:`` (RFC 9530) is verified before anything is recorded.
"""

from __future__ import annotations

import base64
import binascii
from typing import ClassVar

from ..errors import BadRequest, BodyBroken, TooLarge
from ..grid import Span
from ..hashing import DIGEST_SIZE
from ..http.protocol import Answer, Receiver, RequestHead, UploadProtocol, require_identity_encoding
from ..services.receiving import ChunkReceiver
from ..services.resumable_upload_service import ResumableUploadService
from .chunk_answers import store


class RawChunks(UploadProtocol):
    """One chunk per request, in any order, many at a time."""

    name = "raw"
    methods: ClassVar[frozenset[str]] = frozenset({"PUT"})

    def begin(self, head: RequestHead) -> Receiver:
        require_identity_encoding(head.headers)
        expected = content_digest(head.headers.get("content-digest"))
        service = ResumableUploadService(head.user)
        session = service.find(head.path_parameters["upload_id"])
        receiver = service.receive_chunk(session, chunk_index(head.path_parameters["index"]), expected)
        _require_length(head.content_length, receiver.span)
        return _RawChunkReceiver(receiver)


class _RawChunkReceiver(Receiver):
    def __init__(self, chunk: ChunkReceiver) -> None:
        self._chunk = chunk

    def receive(self, block: bytes) -> None:
        self._chunk.receive(block)

    def finish(self) -> Answer:
        return store(self._chunk, RawChunks.name)

    def break_off(self) -> None:
        self._chunk.break_off()


def chunk_index(text: str) -> int:
    """The index in the path.

    Raises:
        BadRequest: it is not a whole number in decimal digits.
    """
    if not (text.isascii() and text.isdigit() and len(text) <= 10):
        raise BadRequest("The chunk index must be a whole number from 0 on.", code="bad_chunk_index")
    return int(text)


def content_digest(header: str | None) -> bytes | None:
    """The SHA-256 of a ``Content-Digest`` header; None without one.

    Raises:
        BadRequest: its sha-256 is not 32 bytes in base64 between colons.
    """
    value = _dictionary_member(header or "", "sha-256")
    if value is None:
        return None
    try:
        if len(value) < 2 or value[0] != ":" or value[-1] != ":":
            raise ValueError
        digest = base64.b64decode(value[1:-1], validate=True)
        if len(digest) != DIGEST_SIZE:
            raise ValueError
    except (ValueError, binascii.Error):
        raise BadRequest(
            "Content-Digest must look like sha-256=:<base64 of the 32 bytes>: (RFC 9530).", code="bad_digest"
        ) from None
    return digest


def _dictionary_member(header: str, key: str) -> str | None:
    """The value of a key of an RFC 8941 dictionary of byte sequences, without its parameters; the last one counts.

    Split, not matched: a pattern with optional white space on both sides of everything is quadratic in the header.
    """
    found = None
    for member in header.split(","):
        name, _, value = member.partition("=")
        if name.strip() == key:
            found = value.partition(";")[0].strip()
    return found


def _require_length(content_length: int | None, span: Span) -> None:
    """Refuse a body of the wrong size before it is read."""
    if content_length is None:
        return
    if content_length > span.size:
        raise TooLarge(f"Chunk {span.index} has {span.size} bytes, the body {content_length}.", limit=span.size)
    if span.exact and content_length < span.size:
        raise BodyBroken(f"Chunk {span.index} has {span.size} bytes, the body {content_length}.")
