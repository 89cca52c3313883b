"""tus 1.0.0 (https://tus.io/protocols/resumable-upload, protocol.md): the headings below are the specification's.

Its upload is a session of the engine, its offset where the bytes from the first on end that are stored without a gap.
The bytes that end an upload ask for the verdict on it, and their answer waits for that; while it is out, the upload
answers 423, which clients ask again about, so a refused file never looks finished.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from http import HTTPStatus
from types import MappingProxyType
from typing import ClassVar
from uuid import UUID

from django.http import HttpRequest
from django.utils.http import http_date

from ..conf import upload_settings
from ..errors import (
    BadRequest,
    ChecksumMismatch,
    Conflict,
    MissingChunks,
    NotFound,
    OffsetMismatch,
    SessionGone,
    TooLarge,
    UnsupportedType,
    UploadError,
)
from ..http.problems import Problem, problem_for
from ..http.protocol import Answer, Body, CorsNeeds, Pending, RequestHead, UploadProtocol, require_identity_encoding
from ..http.throttles import require_init_allowed
from ..models import UploadSession
from ..services.checked_appending import ExpectedChecksum
from ..services.creation import Concatenation
from ..services.resumable_upload_service import ResumableUploadService
from .addresses import address_of, id_in
from .checksums import TUS_ALGORITHMS
from .labels import label
from .nothing_more import NothingMore
from .sequential_body import SequentialBody, chunk_size_for
from .settled import deleted, settled
from .tus_fields import byte_count, parse_checksum, parse_final, parse_metadata, texts_of
from .verdict import Verdict

Status = UploadSession.Status
Concat = UploadSession.Concat

VERSION = "1.0.0"
EXTENSIONS = (
    "creation",
    "creation-with-upload",
    "creation-defer-length",
    "expiration",
    "checksum",
    "termination",
    "concatenation",
    "concatenation-unfinished",
)
CONTENT_TYPE = "application/offset+octet-stream"
CHECKSUM_MISMATCH = 460
VERSION_REFUSED = Problem(
    412, "unsupported_version", f"Send Tus-Resumable: {VERSION}.", more_headers={"Tus-Version": VERSION}
)

FINAL_REFUSED = Problem(403, "final_upload", "A final upload is made of its partials and takes no bytes.")

_PASSING = frozenset({HTTPStatus.TOO_MANY_REQUESTS, HTTPStatus.SERVICE_UNAVAILABLE, HTTPStatus.INSUFFICIENT_STORAGE})
_OVERRIDABLE = frozenset({"HEAD", "PATCH", "DELETE"})
_NAMES = ("filename", "name")
_TYPES = ("filetype", "type", "contentType")


def capabilities() -> dict[str, str]:
    """What OPTIONS tells: "the Tus-Version header", and those of the extensions."""
    return {
        "Tus-Version": VERSION,
        "Tus-Extension": ",".join(EXTENSIONS),
        "Tus-Max-Size": str(upload_settings().max_file_size),
        "Tus-Checksum-Algorithm": ",".join(TUS_ALGORITHMS),
    }


class _Tus(UploadProtocol):
    """What requests for a new upload and for one that there is have in common."""

    name = "tus"
    common_headers: ClassVar[Mapping[str, str]] = MappingProxyType({"Tus-Resumable": VERSION})
    cors = CorsNeeds(
        request_headers=frozenset(
            {
                "Tus-Resumable",
                "Upload-Checksum",
                "Upload-Concat",
                "Upload-Defer-Length",
                "Upload-Length",
                "Upload-Metadata",
                "Upload-Offset",
                "X-HTTP-Method-Override",
                "X-Requested-With",
            }
        ),
        exposed_headers=frozenset(
            {
                "Location",
                "Tus-Checksum-Algorithm",
                "Tus-Extension",
                "Tus-Max-Size",
                "Tus-Resumable",
                "Tus-Version",
                "Upload-Concat",
                "Upload-Defer-Length",
                "Upload-Expires",
                "Upload-Length",
                "Upload-Metadata",
                "Upload-Offset",
            }
        ),
    )

    def method_of(self, request: HttpRequest) -> str:
        """X-HTTP-Method-Override: "the server MUST interpret [it] as the request's method"."""
        override = request.headers.get("X-HTTP-Method-Override", "")
        return override if request.method == "POST" and override in _OVERRIDABLE else request.method or ""

    def _body(
        self,
        service: ResumableUploadService,
        session: UploadSession,
        offset: int,
        checksum: ExpectedChecksum | None,
        status: int,
        headers: Mapping[str, str],
    ) -> Body:
        return SequentialBody(
            service,
            session,
            offset,
            checksum,
            protocol=self.name,
            answer=lambda reached: _received(service, session, reached, status, headers),
            begins=status == HTTPStatus.CREATED,
        )

    def refuse_error(self, error: UploadError) -> Answer:
        problem = problem_for(error)
        if isinstance(error, ChecksumMismatch):
            problem = replace(problem, status=CHECKSUM_MISMATCH)
        elif isinstance(error, OffsetMismatch):
            problem = replace(problem, more_headers={"Upload-Offset": str(error.expected)})
        elif error.extra.get("status_now") == Status.ASSEMBLING:
            problem = _undecided()
        return self.refuse(problem)


class TusCreation(_Tus):
    """Extension *creation*: ``POST`` to the collection makes an upload."""

    methods: ClassVar[frozenset[str]] = frozenset({"POST"})

    def throttle(self, request: HttpRequest, method: str) -> None:
        require_init_allowed(request)

    def begin(self, head: RequestHead) -> Answer | Body:
        headers = head.headers
        require_identity_encoding(headers)
        concat = self._concatenation(head)
        length = sum(part.total_size or 0 for part in concat.partials) if concat.partials else _length_to_be(headers)
        raw_metadata = headers.get("Upload-Metadata", "")
        metadata = parse_metadata(raw_metadata)
        checksum = parse_checksum(headers.get("Upload-Checksum"))
        has_body = head.content_length != 0
        if has_body:
            # creation-with-upload: "MUST include the Content-Type: application/offset+octet-stream header".
            _require_content_type(headers)
            _require_fit(head.content_length, 0, length)
        filename, mime_type = label(_first(metadata, _NAMES), _first(metadata, _TYPES))
        service = ResumableUploadService(head.require_principal())
        session, _ = service.create(
            filename=filename,
            mime_type=mime_type,
            total_size=length,
            chunk_size=chunk_size_for(length),
            metadata=texts_of(metadata),
            raw_metadata=raw_metadata,
            concat=concat,
        )
        created = {"Location": address_of(session)}
        if has_body and session.status == Status.COMPLETED:
            return NothingMore(lambda: Answer(201, headers={**created, "Upload-Offset": "0"}), 0, 0)
        if not has_body:
            return Answer(201, headers={**created, **_expiry(session)})
        return self._body(service, session, 0, checksum, 201, created)

    @staticmethod
    def _concatenation(head: RequestHead) -> Concatenation:
        """Extension *concatenation*: "Upload-Concat: partial", or "final;" and the addresses of partial uploads."""
        field = head.headers.get("Upload-Concat")
        if field is None:
            return Concatenation()
        if field == Concat.PARTIAL:
            return Concatenation(Concat.PARTIAL, field)
        # "The Client MUST NOT include the Upload-Length header in the final upload creation."
        if "Upload-Length" in head.headers or "Upload-Defer-Length" in head.headers or head.content_length != 0:
            raise BadRequest("A final upload has neither a length nor bytes of its own.", code="bad_concat")
        service = ResumableUploadService(head.require_principal())
        found: dict[UUID, UploadSession] = {}
        ids = parse_final(field)
        for upload_id in ids:
            if upload_id not in found:
                found[upload_id] = service.status(upload_id)
        return Concatenation(Concat.FINAL, field, tuple(found[upload_id] for upload_id in ids))


class TusUpload(_Tus):
    """Core protocol: an upload that there is."""

    methods: ClassVar[frozenset[str]] = frozenset({"HEAD", "PATCH", "DELETE"})

    def chosen_for(self, request: HttpRequest) -> UploadProtocol:
        return TusLook() if self.method_of(request) == "HEAD" else self

    def begin(self, head: RequestHead) -> Answer | Body:
        service = ResumableUploadService(head.require_principal())
        upload_id = id_in(head)
        if head.method == "DELETE":
            # Extension *termination*: "the Server MUST respond with the 204 No Content status".
            return deleted(service, upload_id)
        if head.method == "HEAD":
            return self._look(service, upload_id)
        return self._append(service, upload_id, head)

    def _look(self, service: ResumableUploadService, upload_id: UUID) -> Answer:
        """HEAD: "the Server MUST always include the Upload-Offset header", and says no-store."""
        session, reached = settled(service, upload_id)
        offset: int | None = self._judged(service, session, reached)
        if session.concat == Concat.FINAL and session.status != Status.COMPLETED:
            # "HEAD responses of a final upload MUST NOT contain Upload-Offset until it has been concatenated."
            offset = None
        if (unavailable := _unavailable(session)) is not None:
            return self.refuse(unavailable)
        return Answer(
            200,
            headers={
                **({} if offset is None else {"Upload-Offset": str(offset)}),
                "Cache-Control": "no-store",
                **({"Upload-Concat": session.raw_concat} if session.raw_concat else {}),
                **_length(session),
                **_expiry(session),
                **({"Upload-Metadata": session.raw_metadata} if session.raw_metadata else {}),
            },
        )

    @staticmethod
    def _judged(service: ResumableUploadService, session: UploadSession, offset: int) -> int:
        """Where the upload continues. One whose bytes are all there is finished by who looks at it, whoever sent them:
        offset = length is success to the client."""
        if session.status != Status.ACTIVE or offset != session.total_size or session.concat:
            return offset
        try:
            service.complete(session, wait=0)
        except MissingChunks:
            return service.offset(session)
        except UploadError:
            if session.status == Status.ACTIVE:
                raise  # Nothing was decided, and it must not look as if.
        return offset

    def _append(self, service: ResumableUploadService, upload_id: UUID, head: RequestHead) -> Answer | Body:
        headers = head.headers
        # "All PATCH requests MUST use Content-Type: application/offset+octet-stream, otherwise [...] 415".
        _require_content_type(headers)
        require_identity_encoding(headers)
        offset = byte_count("Upload-Offset", headers.get("Upload-Offset", ""))
        checksum = parse_checksum(headers.get("Upload-Checksum"))
        session = service.status(upload_id)
        if session.concat == Concat.FINAL:
            # "The Server MUST respond with the 403 Forbidden status to PATCH requests against a final upload URL."
            return self.refuse(FINAL_REFUSED)
        if "Upload-Length" in headers:
            self._declare(service, session, byte_count("Upload-Length", headers["Upload-Length"]), offset)
        if session.status in (Status.ASSEMBLING, Status.COMPLETED) and offset == session.total_size:
            return NothingMore(lambda: _verdict(service, session, 204, {}), offset, offset)
        if session.status == Status.COMPLETED:
            raise OffsetMismatch(session.total_size or 0, offset)
        if (unavailable := _unavailable(session)) is not None:
            return self.refuse(unavailable)
        _require_fit(head.content_length, offset, session.total_size)
        return self._body(service, session, offset, checksum, 204, {})

    @staticmethod
    def _declare(service: ResumableUploadService, session: UploadSession, length: int, offset: int) -> None:
        """creation-defer-length: "Once it is set the Client MUST NOT change it"."""
        if length == session.total_size:
            return
        # What is refused for its offset changes nothing.
        if session.status == Status.ACTIVE and offset != (reached := service.offset(session)):
            raise OffsetMismatch(reached, offset)
        if length < offset:
            raise BadRequest("Upload-Length is smaller than what there is already.", code="bad_size")
        try:
            service.declare_size(session, length)
        except Conflict as error:
            if error.code == "size_conflict":
                raise BadRequest(error.detail, code=error.code) from None
            raise


class TusLook(TusUpload):
    """HEAD: clients take any refusal but 423 for the end of the upload, and begin a new one."""

    def chosen_for(self, request: HttpRequest) -> UploadProtocol:
        return self

    def refuse(self, problem: Problem) -> Answer:
        if problem.status in _PASSING or problem.code == Conflict.code:
            headers = {"Retry-After": "1", **problem.more_headers}
            problem = replace(problem, status=HTTPStatus.LOCKED, more_headers=headers)
        return super().refuse(problem)


class VersionRefused(_Tus):
    """ "If the Client sends a version that is not supported, the Server MUST respond with 412 and Tus-Version"."""

    methods: ClassVar[frozenset[str]] = frozenset({"DELETE", "GET", "HEAD", "PATCH", "POST", "PUT"})
    public_methods = methods

    def begin(self, head: RequestHead) -> Answer:
        return self.refuse(VERSION_REFUSED)


def _length_to_be(headers: Mapping[str, str]) -> int | None:
    """ "The request MUST include one of the following headers": Upload-Length, or Upload-Defer-Length: 1."""
    deferred = headers.get("Upload-Defer-Length")
    length = headers.get("Upload-Length")
    if deferred not in (None, "1"):
        raise BadRequest("Upload-Defer-Length can only be 1.", code="bad_field")
    if (deferred is None) == (length is None):
        raise BadRequest("Send either Upload-Length or Upload-Defer-Length: 1.", code="bad_field")
    return None if length is None else byte_count("Upload-Length", length)


def _require_content_type(headers: Mapping[str, str]) -> None:
    if headers.get("Content-Type", "").partition(";")[0].strip().lower() != CONTENT_TYPE:
        raise UnsupportedType(f"Send Content-Type: {CONTENT_TYPE}.")


def _require_fit(content_length: int | None, offset: int, length: int | None) -> None:
    end = upload_settings().max_file_size if length is None else length
    if content_length is not None and offset + content_length > end:
        raise TooLarge(f"At most {end} bytes are taken here; more were announced.", limit=end)


def _received(
    service: ResumableUploadService, session: UploadSession, offset: int, status: int, headers: Mapping[str, str]
) -> Answer | Pending:
    """The answer to bytes that are kept; to the last ones, with the verdict."""
    if offset == session.total_size and session.concat != Concat.PARTIAL:
        return _verdict(service, session, status, headers)
    if offset == session.total_size:
        service.advance_finals_of(session)
    return Answer(status, headers={**headers, "Upload-Offset": str(offset), **_expiry(session)})


def _verdict(
    service: ResumableUploadService, session: UploadSession, status: int, headers: Mapping[str, str]
) -> Answer | Pending:
    def answer(session: UploadSession) -> Answer:
        return Answer(status, headers={**headers, "Upload-Offset": str(session.total_size)})

    return Verdict(service, session, accepted=answer, undecided=answer).now_or_later()


def _length(session: UploadSession) -> dict[str, str]:
    if session.total_size is None:
        return {"Upload-Defer-Length": "1"}
    return {"Upload-Length": str(session.total_size)}


def _expiry(session: UploadSession) -> dict[str, str]:
    """Extension *expiration*: "the Upload-Expires response header indicates the time after which" it expires."""
    if session.status != Status.ACTIVE:
        return {}
    return {"Upload-Expires": http_date(session.expires_at.timestamp())}


def _unavailable(session: UploadSession) -> Problem | None:
    """Why an upload can be neither continued nor taken for finished."""
    if session.status == Status.ASSEMBLING and session.concat != Concat.FINAL:
        return _undecided()
    if session.status == Status.FAILED:
        return Problem(HTTPStatus.GONE, session.error_code, session.error_detail)
    if session.status in (Status.CANCELLED, Status.EXPIRED):
        return problem_for(SessionGone(session.status))
    if session.status == Status.REMOVING:
        return problem_for(NotFound())
    return None


def _undecided() -> Problem:
    return Problem(
        HTTPStatus.LOCKED,
        "assembling",
        "All bytes are here; they are being verified.",
        more_headers={"Retry-After": "1"},
    )


def _first(metadata: Mapping[str, bytes], keys: tuple[str, ...]) -> str | None:
    return next((metadata[key].decode("utf-8", "replace") for key in keys if metadata.get(key)), None)
