"""Resumable Uploads for HTTP (draft-ietf-httpbis-resumable-upload), by its interop versions 3, 5, 6 and 8.

The headings below are the draft's. An upload resource is a session of the engine. Where the draft and tus differ:

* The offset never decreases. Where stored bytes turn out to be damaged, the upload resource is closed for good; the
  session stays, and can be repaired by the other protocols.
* Whether an upload is complete says who sends the last bytes, not its length; so its length may be known only then.
* A request past a known length ends the upload.
* A creation may say what is kept with the upload by tus's Upload-Metadata, and may be repeated (:mod:`.repeats`).
* Interim responses (104) tell the address of the upload before its body is read, and how much of it is kept.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from http import HTTPStatus
from typing import ClassVar
from uuid import uuid4

import orjson
from django.http import HttpRequest

from ..conf import upload_settings
from ..errors import (
    BadRequest,
    ContentRefused,
    OffsetMismatch,
    TooLarge,
    UnsupportedType,
    UploadError,
)
from ..http.problems import problem_for
from ..http.protocol import Answer, Body, CorsNeeds, Pending, RequestHead, UploadProtocol, require_identity_encoding
from ..http.throttles import require_init_allowed
from ..models import UploadSession
from ..services.checked_appending import ExpectedChecksum
from ..services.resumable_upload_service import ResumableUploadService
from .addresses import address_of, id_in
from .checksums import content_checksum, file_hash
from .ietf_bodies import DraftBody, DraftVerdict, Upload
from .ietf_fields import CONTENT_TYPE, LATEST, VERSION, filename_of, known_length, limits, media_type
from .ietf_problems import InconsistentLength, PastTheEnd, mismatching_offset, require_open
from .labels import label
from .nothing_more import NothingMore
from .repeats import FIELD, earlier, idempotency_key
from .sequential_body import chunk_size_for
from .session_document import session_document
from .settled import deleted, settled
from .structured import boolean, boolean_item, byte_sequence, integer_item
from .tus_fields import parse_metadata, texts_of

Status = UploadSession.Status


class _Draft(UploadProtocol):
    """One request, by a client of a version."""

    name = "ietf"
    cors = CorsNeeds(
        request_headers=frozenset(
            {
                "Content-Digest",
                "Content-Disposition",
                FIELD,
                "Repr-Digest",
                "Upload-Complete",
                VERSION,
                "Upload-Incomplete",
                "Upload-Length",
                "Upload-Metadata",
                "Upload-Offset",
                "Want-Repr-Digest",
            }
        ),
        exposed_headers=frozenset(
            {
                "Location",
                "Repr-Digest",
                "Upload-Complete",
                "Upload-Incomplete",
                "Upload-Length",
                "Upload-Limit",
                "Upload-Offset",
            }
        ),
    )

    def __init__(self, version: int | None) -> None:
        """
        Args:
            version: as the client named it, if it is spoken here.
        """
        self.version = version

    def completeness(self, value: bool) -> dict[str, str]:
        """Upload-Complete; up to version 3, its opposite was what was said."""
        if self.version == 3:
            return {"Upload-Incomplete": boolean(not value)}
        return {"Upload-Complete": boolean(value)}

    def is_complete(self, headers: Mapping[str, str]) -> bool | None:
        """What the client says; None if it says nothing."""
        if self.version == 3:
            incomplete = boolean_item(headers.get("Upload-Incomplete"))
            return None if incomplete is None else not incomplete
        return boolean_item(headers.get("Upload-Complete"))

    def interim(self, headers: Mapping[str, str]) -> Answer | None:
        """104 (Upload Resumption Supported): only to who speaks a version that is spoken here, which it repeats."""
        if self.version is None or not upload_settings().interim_seconds:
            return None
        return Answer(104, headers={VERSION: str(self.version), **headers})

    def refuse_error(self, error: UploadError) -> Answer:
        problem = problem_for(error)
        headers: dict[str, str] = {}
        if isinstance(error, OffsetMismatch):
            problem = mismatching_offset(error)
            headers = {"Upload-Offset": str(error.expected), **self.completeness(False)}
        elif isinstance(error, InconsistentLength):
            headers = self.completeness(False)
        elif isinstance(error, TooLarge):
            headers = limits()
        elif isinstance(error, ContentRefused):  # What processing the whole upload came to.
            headers = self.completeness(True)
        return self.refuse(replace(problem, more_headers={**problem.more_headers, **headers}))

    def received(self, upload: Upload, offset: int, status: int) -> Answer | Pending:
        """The answer to bytes that are kept; to the last ones, that of the whole upload."""
        if upload.ends:
            upload.declare(offset)
            return self.verdict(upload)
        return Answer(
            status,
            headers={
                **({"Location": address_of(upload.session)} if status == 201 else {}),
                "Upload-Offset": str(offset),
                **self.completeness(False),
                **limits(upload.session),
            },
        )

    def verdict(self, upload: Upload) -> Answer | Pending:
        return DraftVerdict(
            upload.service,
            upload.session,
            accepted=lambda session: self.final(session, upload, 201),
            undecided=lambda session: self.final(session, upload, 202),
        ).now_or_later()

    def final(self, session: UploadSession, upload: Upload, status: int) -> Answer:
        """The target's answer to the whole upload, as to one large request."""
        headers = {"Content-Type": "application/json", **self.completeness(True)}
        if session.sha256:  # Whether or not Want-Repr-Digest asked for it (RFC 9530, 4).
            headers["Repr-Digest"] = f"sha-256={byte_sequence(bytes.fromhex(session.sha256))}"
        return Answer(status, orjson.dumps(session_document(session)), headers)

    def _progress(self, reached: int) -> Answer | None:
        return self.interim({"Upload-Offset": str(reached)})

    def body(
        self, upload: Upload, checksum: ExpectedChecksum | None, offset: int, status: int, opening: Answer | None
    ) -> Body:
        return DraftBody(
            upload,
            offset,
            checksum=checksum,
            protocol=self.name,
            answer=lambda reached: self.received(upload, reached, status),
            opening=opening,
            progress=None if self.version is None else self._progress,
            begins=status == HTTPStatus.CREATED,
        )


class DraftCreation(_Draft):
    """*Upload Creation*: a request with content on the target makes an upload resource."""

    methods: ClassVar[frozenset[str]] = frozenset({"POST", "PUT"})

    def throttle(self, request: HttpRequest, method: str) -> None:
        require_init_allowed(request)

    def begin(self, head: RequestHead) -> Answer | Body:
        try:
            return self._begin(head)
        except InconsistentLength:
            raise
        except UploadError as error:
            refused = self.refuse_error(error)
            # "[...] a final response with Upload-Complete: ?1 [...] the client MUST NOT attempt to resume".
            return replace(refused, headers={**refused.headers, **self.completeness(True)})

    def _begin(self, head: RequestHead) -> Answer | Body:
        headers = head.headers
        require_identity_encoding(headers)
        ends = self.is_complete(headers)
        if ends is None:
            raise BadRequest("Say with Upload-Complete whether these bytes are the last.", code="bad_field")
        length, checksum = known_length(head, ends, 0), content_checksum(headers.get("Content-Digest"))
        filename, mime_type = label(filename_of(headers), media_type(headers))
        raw_metadata = headers.get("Upload-Metadata", "")
        metadata, declared = texts_of(parse_metadata(raw_metadata)), file_hash(headers.get("Repr-Digest"))
        service = ResumableUploadService(head.require_principal())
        key = idempotency_key(headers)
        upload_id = uuid4() if key is None else service.promised_id(key)
        if key is not None and (session := earlier(service, upload_id, total_size=length, file_hash=declared)):
            repeated = Upload(service, session, ends)
            return NothingMore(lambda: self.verdict(repeated), 0, length or 0)
        session, _ = service.create(
            filename=filename,
            mime_type=mime_type,
            total_size=length,
            chunk_size=chunk_size_for(length),
            file_hash=declared,
            metadata=metadata,
            raw_metadata=raw_metadata,
            client_key=upload_id.hex,  # Each creation makes an upload resource of its own.
            upload_id=upload_id,
        )
        upload = Upload(service, session, ends)
        opening = self.interim({"Location": address_of(session), **limits(session)})
        if session.status == Status.COMPLETED:
            return NothingMore(lambda: self.final(session, upload, 201), 0, 0)
        if head.content_length == 0:
            return NothingMore(lambda: self.received(upload, 0, 201), 0, 0)
        return self.body(upload, checksum, 0, 201, opening)


class DraftUpload(_Draft):
    """An upload resource that there is."""

    methods: ClassVar[frozenset[str]] = frozenset({"GET", "HEAD", "PATCH", "DELETE"})

    def begin(self, head: RequestHead) -> Answer | Body:
        service = ResumableUploadService(head.require_principal())
        upload_id = id_in(head)
        if head.method == "DELETE":
            return deleted(service, upload_id)  # *Upload Cancellation*.
        if head.method == "PATCH":
            return self._append(service, service.status(upload_id), head)
        return self._look(*settled(service, upload_id))

    def _look(self, session: UploadSession, offset: int) -> Answer:
        """*Offset Retrieval*: "the response MUST include Upload-Offset, Upload-Complete and Upload-Limit"."""
        require_open(session)
        length = {} if session.total_size is None else {"Upload-Length": str(session.total_size)}
        return Answer(
            204,
            headers={
                "Upload-Offset": str(offset),
                # "MUST NOT be true before the final response was produced": offset = length is not enough.
                **self.completeness(session.status == Status.COMPLETED),
                **limits(session),
                **length,
                "Cache-Control": "no-store",
            },
        )

    def _append(self, service: ResumableUploadService, session: UploadSession, head: RequestHead) -> Answer | Body:
        """*Upload Append*."""
        require_open(session)
        headers = head.headers
        require_identity_encoding(headers)
        if (self.version or LATEST) >= 6 and media_type(headers) != CONTENT_TYPE:
            raise UnsupportedType(f"Send Content-Type: {CONTENT_TYPE}.")
        offset, ends = integer_item(headers.get("Upload-Offset")), self.is_complete(headers)
        if offset is None or ends is None:
            raise BadRequest("An append says Upload-Offset and Upload-Complete.", code="bad_field")
        checksum = content_checksum(headers.get("Content-Digest"))
        upload = Upload(service, session, ends)
        if session.status in (Status.ASSEMBLING, Status.COMPLETED):
            return self._repeat(upload, offset, head)
        if offset != (reached := service.offset(session)):
            raise OffsetMismatch(reached, offset)
        if (length := known_length(head, ends, offset)) is not None:
            if length < offset:
                raise InconsistentLength
            upload.declare(length)
        end = session.total_size
        if end is not None and head.content_length is not None and offset + head.content_length > end:
            upload.service.cancel(session)
            raise PastTheEnd
        return self.body(upload, checksum, offset, 204, opening=None)

    def _repeat(self, upload: Upload, offset: int, head: RequestHead) -> Body:
        """The last append again: its answer is replayed, "if the request is valid"."""
        size = upload.session.total_size or 0
        if not upload.ends or offset + (head.content_length or 0) > size:
            raise OffsetMismatch(size, offset)
        return NothingMore(lambda: self.verdict(upload), offset, size)
