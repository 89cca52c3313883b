"""Where Uppy's S3 plugin sends its bytes: addresses that :mod:`.s3` has signed, one for each part or whole file.

Uppy 6 sends again what is answered with 429 or 5xx, and nothing else; so what may pass is told as that.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from functools import cached_property
from typing import Any, ClassVar
from uuid import UUID

from django.http import HttpRequest

from ..errors import Conflict, ContentRefused, NotFound, TooLarge, UploadError
from ..grid import Span
from ..http.problems import Problem
from ..http.protocol import Answer, Body, CorsNeeds, Pending, RequestHead, require_identity_encoding
from ..http.throttles import require_init_allowed
from ..metrics import count_chunk
from ..models import UploadSession
from ..services.principal import Principal
from ..services.receiving import ChunkSink
from ..services.resumable_upload_service import ResumableUploadService
from .addresses import id_in
from .form_file import FormFile
from .s3 import S3Protocol, address_of_file, etag, part_number, verdict
from .s3_permits import object_permitted, part_permitted, promised_upload
from .sink_body import SinkBody

_MAY_PASS = frozenset({"chunk_superseded", "conflict", "incomplete_body", "receive_timeout", "staging_lost"})

_ENDS_BY_A_TWIN = frozenset({UploadSession.Status.ASSEMBLING, UploadSession.Status.COMPLETED})
"""What was recorded may be sent again then, and is compared."""


class _Transfer(S3Protocol):
    """What parts and whole files have in common."""

    cors = CorsNeeds(exposed_headers=frozenset({"ETag", "Location"}))

    def refuse(self, problem: Problem) -> Answer:
        if problem.code in _MAY_PASS or problem.extra.get("status_now") in _ENDS_BY_A_TWIN:
            problem = replace(problem, status=503, more_headers={**problem.more_headers, "Retry-After": "1"})
        return super().refuse(problem)


class PartTransfer(_Transfer):
    """``PUT parts/{uploadId}/{partNumber}``: one part, answered with its ETag."""

    methods: ClassVar[frozenset[str]] = frozenset({"PUT"})

    def authenticate(self, request: HttpRequest, path_parameters: Mapping[str, object]) -> Principal:
        number = part_number(path_parameters["part_number"])
        return part_permitted(request.GET.get("permit", ""), path_parameters["upload_id"], number)

    def begin(self, head: RequestHead) -> Body:
        require_identity_encoding(head.headers)
        service = ResumableUploadService(head.require_principal())
        session = service.find(id_in(head))
        sink = service.receive_chunk(session, part_number(head.path_parameters["part_number"]) - 1)
        _require_part_size(head.content_length, sink.span)
        return SinkBody(sink, lambda: _answer_part(sink))


def _answer_part(sink: ChunkSink) -> Answer:
    stored = sink.finish()
    count_chunk(_Transfer.name, sink.received)
    return Answer(200, headers={"ETag": etag(stored.digest)})


def _require_part_size(content_length: int | None, span: Span) -> None:
    if content_length is None or content_length <= span.size:
        return
    size = content_length
    raise TooLarge(
        f"Parts of this upload have {span.size} bytes, this one {size}. For parts of that size configure Uppy with"
        f" uppy.setMeta({{ part_size: {size} }}).use(AwsS3, {{ ..., getChunkSize: () => {size} }}).",
        limit=span.size,
    )


class ObjectTransfer(_Transfer):
    """``POST`` a form with the file in it, or ``PUT`` the file itself: a whole upload in one request.

    It may be repeated with the same permit: what arrived before is compared.
    """

    methods: ClassVar[frozenset[str]] = frozenset({"POST", "PUT"})

    def throttle(self, request: HttpRequest, method: str) -> None:
        require_init_allowed(request)

    def authenticate(self, request: HttpRequest, path_parameters: Mapping[str, object]) -> Principal:
        return object_permitted(request.GET.get("permit", ""))

    def begin(self, head: RequestHead) -> Body:
        require_identity_encoding(head.headers)
        service = ResumableUploadService(head.require_principal())
        promised = promised_upload(head.query.get("permit", ""))
        file = _WholeFile(service, promised, head.root)
        if head.method == "PUT":
            return file
        return _Form(head.headers.get("Content-Type", ""), file)


class _WholeFile(Body):
    """Sends a file's bytes to the session that was promised, chunk after chunk, and completes it."""

    def __init__(self, service: ResumableUploadService, promised: dict[str, Any], root: str) -> None:
        self._service = service
        self._promised = promised
        self._upload_id = UUID(promised["upload_id"])
        self._location = root + address_of_file(self._upload_id)
        self._sink: ChunkSink | None = None
        self._index = 0
        self._size = 0

    @cached_property
    def _session(self) -> UploadSession:
        """Begun when the first bytes are there, or the end."""
        try:
            return self._service.find(self._upload_id)
        except NotFound:
            pass
        try:
            return self._service.create(
                filename=self._promised["filename"],
                mime_type=self._promised["mime_type"],
                metadata=self._promised["metadata"],
                client_key=f"s3:{self._upload_id}",
                upload_id=self._upload_id,
            )[0]
        except Conflict:
            return self._service.find(self._upload_id)  # A twin of this request has begun it, and is further already.

    def receive(self, block: bytes) -> None:
        view = memoryview(block)
        while view:
            sink = self._sink = self._sink or self._service.receive_chunk(self._session, self._index)
            taken = view[: sink.room]
            self._feed(sink, bytes(taken))
            view = view[len(taken) :]
            if not sink.room:
                self._end_chunk(sink)

    def _feed(self, sink: ChunkSink, data: bytes) -> None:
        try:
            sink.receive(data)
        except ContentRefused:
            self._service.remove(self._upload_id)  # It begins like a file that is not taken; nothing else will come.
            raise
        self._size += len(data)

    def _end_chunk(self, sink: ChunkSink) -> None:
        self._sink = None
        sink.finish()
        count_chunk(_Transfer.name, sink.received)
        self._index += 1

    def finish(self) -> Answer | Pending:
        session = self._session
        if session.total_size not in (None, self._size):
            self.abort()
            raise Conflict(f"The file that was sent here before has {session.total_size} bytes.", code="size_conflict")
        if self._sink is not None:
            self._end_chunk(self._sink)
        return verdict(self._service, session, self._size, self._accepted)

    def _accepted(self, session: UploadSession) -> Answer:
        return Answer(204, headers={"Location": self._location, "ETag": f'"{session.published_digest}"'})

    def abort(self) -> None:
        if self._sink is not None:
            self._sink.abort()


class _Form(Body):
    """A form whose file is one to send."""

    def __init__(self, content_type: str, file: _WholeFile) -> None:
        self._form = FormFile(content_type, file.receive)
        self._file = file

    def receive(self, block: bytes) -> None:
        self._form.receive(block)

    def finish(self) -> Answer | Pending:
        try:
            self._form.finish()
        except UploadError:
            self._file.abort()
            raise
        return self._file.finish()

    def abort(self) -> None:
        self._file.abort()
