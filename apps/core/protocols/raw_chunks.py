"""Raw chunks: ``PUT chunk/<upload_id>/<index>`` with the bytes as the body.

An optional ``Content-Digest: sha-256=:<base64>:`` (RFC 9530) is verified before anything is recorded.
"""

from __future__ import annotations

from typing import Any, ClassVar

from ..errors import BadRequest, BodyBroken, TooLarge
from ..grid import Span
from ..http.protocol import Body, CorsNeeds, RequestHead, UploadProtocol, require_identity_encoding
from ..services.resumable_upload_service import ResumableUploadService
from .chunk_answers import answer_chunk
from .fields import content_digest
from .sink_body import SinkBody


class RawChunks(UploadProtocol):
    """One chunk per request, in any order, many at a time."""

    name = "raw"
    methods: ClassVar[frozenset[str]] = frozenset({"PUT"})
    cors = CorsNeeds(request_headers=frozenset({"Content-Digest"}))

    def begin(self, head: RequestHead) -> Body:
        require_identity_encoding(head.headers)
        expected = content_digest(head.headers.get("content-digest"))
        service = ResumableUploadService(head.require_principal())
        parameters: Any = head.path_parameters
        session = service.find(parameters["upload_id"])
        sink = service.receive_chunk(session, chunk_index(parameters["index"]), expected)
        _require_length(head.content_length, sink.span)
        return SinkBody(sink, lambda: answer_chunk(sink, self.name))


def chunk_index(text: str) -> int:
    """The index in the path.

    Raises:
        BadRequest: it is not a whole number in decimal digits.
    """
    if not (text.isascii() and text.isdigit() and len(text) <= 10):
        raise BadRequest("The chunk index must be a whole number from 0 on.", code="bad_chunk_index")
    return int(text)


def _require_length(content_length: int | None, span: Span) -> None:
    """Refuse a body of the wrong size before it is read."""
    if content_length is None:
        return
    if content_length > span.size:
        raise TooLarge(f"Chunk {span.index} has {span.size} bytes, the body {content_length}.", limit=span.size)
    if span.exact and content_length < span.size:
        raise BodyBroken(f"Chunk {span.index} has {span.size} bytes, the body {content_length}.")
