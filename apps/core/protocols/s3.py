"""The HTTP contract between Uppy's S3 plugin (@uppy/aws-s3) and its server, Companion; Uppy is the client, S3 the
model: https://uppy.io/docs/aws-s3/, and companion's ``s3.ts``.

A *multipart upload* is a session of the engine, a *part* one of its chunks, an *ETag* the SHA-256 of a part. Parts are
sent in any order and several at once, each to an address that is signed for it (:mod:`.s3_transfers`). Creation says
neither how large the file is nor how large its parts will be, so these sessions have parts of the size that Uppy cuts
without being told.

Uppy 6 knows neither headers nor CSRF tokens. With a session cookie, what changes something must therefore come from a
page of this very origin, which browsers say in ``Origin``, and bodies must be declared as JSON, which no form can do;
or the endpoint itself is signed (:func:`signed_endpoint`).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any, ClassVar
from uuid import UUID, uuid4

import orjson
from django.conf import settings
from django.http import HttpRequest, QueryDict
from django.urls import reverse

from ..conf import MIB, upload_settings
from ..errors import BadRequest, Conflict, Unavailable
from ..hashing import DIGEST_SIZE
from ..http.problems import Problem
from ..http.protocol import Answer, Body, Pending, RequestHead, UploadProtocol
from ..http.throttles import require_init_allowed
from ..models import UploadSession
from ..services.principal import Principal
from ..services.resumable_upload_service import ResumableUploadService
from ..services.secure_file_upload_service import SecureFileUploadService
from .addresses import id_in
from .labels import label
from .s3_permits import PART_SECONDS, endpoint_permitted, permit_endpoint, permit_object, permit_part
from .small_json import SmallJson, bad_field
from .verdict import Verdict

Status = UploadSession.Status

PART_SIZE = 5 * MIB
"""Uppy's own."""
MOST_PARTS = 10_000
_CREATION_LIMIT = 64 * 1024
_COMPLETION_LIMIT = 2 * MIB
"""Bytes of 10,000 parts with their ETags, twice."""
VERDICT_WAIT = 50.0
"""Seconds: Uppy asks once, and most proxies give up after 60."""


def signed_endpoint(user: Any, root: str = "") -> str:
    """An endpoint for Uppy's S3 plugin that needs neither cookie nor header, for a page of another origin.

    Args:
        user: as whom the page uploads, for 24 hours.
        root: scheme and host, as ``https://uploads.example.com``; without it the address is right on this origin.
    """
    path = reverse("resumable_uploads:s3-signed-params", args=[permit_endpoint(Principal.of(user))])
    return root + path.removesuffix("/s3/params")


class S3Protocol(UploadProtocol):
    """What requests to the contract and to signed addresses have in common."""

    name = "s3"

    def refuse(self, problem: Problem) -> Answer:
        # Uppy 5 shows ``message`` to its user.
        return super().refuse(replace(problem, extra={**problem.extra, "message": problem.detail}))


class S3Contract(S3Protocol):
    """What the requests of the contract have in common."""

    def authenticate(self, request: HttpRequest, path_parameters: Mapping[str, object]) -> Principal:
        if (endpoint := path_parameters.get("endpoint")) is not None:
            return endpoint_permitted(str(endpoint))
        if _comes_from_own_page(request):
            request._dont_enforce_csrf_checks = True  # type: ignore[attr-defined]  # Django's; the origin is checked.
        return super().authenticate(request, path_parameters)


def _comes_from_own_page(request: HttpRequest) -> bool:
    origin = request.headers.get("Origin")
    is_json = request.method != "POST" or request.content_type == "application/json"
    own = {f"{request.scheme}://{request.get_host()}", *settings.CSRF_TRUSTED_ORIGINS}
    return is_json and origin in own


class CreateMultipart(S3Contract):
    """``POST multipart {filename, type, metadata}``: ``{uploadId, key}``."""

    methods: ClassVar[frozenset[str]] = frozenset({"POST"})

    def throttle(self, request: HttpRequest, method: str) -> None:
        require_init_allowed(request)

    def begin(self, head: RequestHead) -> Body:
        service = ResumableUploadService(head.require_principal())
        return SmallJson(service.principal, lambda document: _create(service, document), limit=_CREATION_LIMIT)


def _create(service: ResumableUploadService, document: Mapping[str, Any]) -> Answer:
    metadata = document.get("metadata")
    metadata = {} if metadata is None else metadata
    if not isinstance(metadata, dict):
        raise bad_field("metadata", "must be an object")
    filename, mime_type = label(_text(document, "filename"), _text(document, "type"))
    session, _ = service.create(
        filename=filename,
        mime_type=mime_type,
        metadata=metadata,
        exact_chunk_size=_part_size(metadata.get("part_size")),
    )
    upload_id = str(session.upload_id)
    return _json({"uploadId": upload_id, "key": upload_id})


def _part_size(wanted: object) -> int:
    if wanted is None:
        return PART_SIZE
    largest = upload_settings().max_chunk_size
    text = str(wanted)
    if not (text.isascii() and text.isdigit() and len(text) < 20 and PART_SIZE <= int(text) <= largest):
        raise bad_field("metadata.part_size", f"must be a number of bytes from {PART_SIZE} to {largest}")
    return int(text)


class MultipartUpload(S3Contract):
    """``GET multipart/{uploadId}``: its parts; ``DELETE``: the end of it."""

    methods: ClassVar[frozenset[str]] = frozenset({"DELETE", "GET"})

    def begin(self, head: RequestHead) -> Answer:
        service = ResumableUploadService(head.require_principal())
        session = service.find(id_in(head))
        if head.method == "DELETE":
            service.cancel(session)
            return _json({})
        parts = session.receipts.order_by("index").values_list("index", "size", "sha256")
        return _json(
            [
                {"PartNumber": index + 1, "Size": size, "ETag": etag(bytes(digest))}
                for index, size, digest in parts.iterator()
            ]
        )


class SignPart(S3Contract):
    """``GET multipart/{uploadId}/{partNumber}``: where to send it."""

    methods: ClassVar[frozenset[str]] = frozenset({"GET"})

    def begin(self, head: RequestHead) -> Answer:
        principal = head.require_principal()
        session = ResumableUploadService(principal).find(id_in(head))
        number = part_number(head.path_parameters["part_number"])
        return _json({"url": _part_url(head, principal, session, number), "expires": PART_SECONDS})


class SignParts(S3Contract):
    """``GET multipart/{uploadId}/batch?partNumbers=1,2``: where to send several."""

    methods: ClassVar[frozenset[str]] = frozenset({"GET"})

    def begin(self, head: RequestHead) -> Answer:
        principal = head.require_principal()
        session = ResumableUploadService(principal).find(id_in(head))
        wanted = head.query.get("partNumbers", "").split(",", MOST_PARTS)
        numbers = [part_number(text) for text in wanted[:MOST_PARTS]]
        urls = {str(number): _part_url(head, principal, session, number) for number in numbers}
        return _json({"presignedUrls": urls, "expires": PART_SECONDS})


def _part_url(head: RequestHead, principal: Principal, session: UploadSession, number: int) -> str:
    path = reverse("resumable_uploads:s3-part", args=[session.upload_id, number])
    return _with_permit(head, path, permit_part(principal, session.upload_id, number))


class CompleteMultipart(S3Contract):
    """``POST multipart/{uploadId}/complete {parts: [{PartNumber, ETag}]}``: ``{location, key}`` of an accepted file."""

    methods: ClassVar[frozenset[str]] = frozenset({"POST"})

    def begin(self, head: RequestHead) -> Body:
        service = ResumableUploadService(head.require_principal())
        session = service.find(id_in(head))

        def answer(document: Mapping[str, Any]) -> Answer | Pending:
            return _complete(service, session, document, head)

        return SmallJson(service.principal, answer, limit=_COMPLETION_LIMIT, most_members=4 * MOST_PARTS)


def _complete(
    service: ResumableUploadService, session: UploadSession, document: Mapping[str, Any], head: RequestHead
) -> Answer | Pending:
    parts = _parts(document)
    # Receipts of a file that was completed long ago are gone.
    size = _size_of(session, parts) if session.status == Status.ACTIVE or session.receipts.exists() else 0
    location = head.root + address_of_file(session.upload_id)
    answer = _json({"location": location, "key": str(session.upload_id)})
    return verdict(service, session, size, lambda session: answer)


def verdict(
    service: ResumableUploadService, session: UploadSession, size: int, accepted: Callable[[UploadSession], Answer]
) -> Answer | Pending:
    """Complete a file of ``size`` bytes; what is not yet decided is told as trouble that passes, so that nothing
    refused looks finished."""
    try:
        if session.status == Status.ACTIVE:
            service.declare_size(session, size)
    except Conflict:
        if session.status == Status.ACTIVE:
            raise  # Else a twin of this request has completed it.

    def undecided(session: UploadSession) -> Answer:
        raise Unavailable("All bytes are here; they are still being verified. Try again in a moment.")

    return Verdict(
        service,
        session,
        accepted=accepted,
        undecided=undecided,
        seconds=max(VERDICT_WAIT, upload_settings().complete_wait),
    ).now_or_later()


def _parts(document: Mapping[str, Any]) -> list[str]:
    """The ETags, in order; as S3's CompleteMultipartUpload: part numbers ascend, and here from 1 without a gap."""
    parts = document.get("parts")
    if not isinstance(parts, list) or not 0 < len(parts) <= MOST_PARTS:
        raise bad_field("parts", f"must be a list of 1 to {MOST_PARTS} parts")
    etags = []
    for number, part in enumerate(parts, 1):
        found = part.get("ETag") if isinstance(part, dict) and part.get("PartNumber") == number else None
        if not isinstance(found, str):
            raise bad_field("parts", f"must have PartNumber {number} and its ETag at place {number}")
        etags.append(found.strip('"'))
    return etags


def _size_of(session: UploadSession, etags: list[str]) -> int:
    """Bytes of the parts that were named, which must be what is stored.

    Raises:
        BadRequest: a part is missing, or another is stored; as S3's InvalidPart.
    """
    total = 0
    recorded = session.receipts.order_by("index").values_list("index", "size", "sha256")
    numbered = enumerate(recorded.iterator())
    for place, named in enumerate(etags):
        position, (index, size, digest) = next(numbered, (place, (-1, 0, b"")))
        if index != position or bytes(digest).hex() != named:
            raise BadRequest(
                f"Part {place + 1} is not stored, or with another ETag.", code="invalid_part", part_number=place + 1
            )
        total += size
    return total


class UploadParameters(S3Contract):
    """``GET params?filename&type&metadata[k]=v``: where to send a file in one request.

    It begins nothing yet, as a GET should. The form's ``key`` is the id that the upload will have, and its address that
    of the files: Uppy 6 takes the one below the other for where the file is.
    """

    methods: ClassVar[frozenset[str]] = frozenset({"GET"})

    def begin(self, head: RequestHead) -> Answer:
        filename, mime_type = label(head.query.get("filename") or None, head.query.get("type"))
        SecureFileUploadService.admit(filename, mime_type)
        upload_id = str(uuid4())
        upload = {
            "upload_id": upload_id,
            "filename": filename,
            "mime_type": mime_type,
            "metadata": _metadata(head.query),
        }
        permit = permit_object(head.require_principal(), upload)
        url = _with_permit(head, reverse("resumable_uploads:s3-object"), permit)
        return _json(
            {"method": "POST", "url": url, "fields": {"key": upload_id}, "headers": {}, "expires": PART_SECONDS}
        )


def _metadata(query: QueryDict) -> dict[str, str]:
    opened, closed = "metadata[", "]"
    return {
        name.removeprefix(opened).removesuffix(closed): str(value)
        for name, value in query.items()
        if name.startswith(opened) and name.endswith(closed)
    }


def _with_permit(head: RequestHead, path: str, permit: str) -> str:
    return f"{head.root}{path}?permit={permit}"


def address_of_file(upload_id: UUID) -> str:
    """Where a completed upload is downloaded, without an origin."""
    return reverse("resumable_uploads:file", args=[upload_id])


def etag(digest: bytes) -> str:
    """The ETag of a part: its SHA-256, quoted (RFC 9110, 8.8.3)."""
    assert len(digest) == DIGEST_SIZE
    return f'"{digest.hex()}"'


def part_number(text: object) -> int:
    """The number in the path, from 1 on.

    Raises:
        BadRequest: it is none of 1 to 10,000.
    """
    digits = str(text)
    if not (digits.isascii() and digits.isdigit() and len(digits) <= 5 and 1 <= int(digits) <= MOST_PARTS):
        raise BadRequest(f"Parts are numbered from 1 to {MOST_PARTS}.", code="bad_part_number")
    return int(digits)


def _text(document: Mapping[str, Any], name: str) -> str | None:
    value = document.get(name)
    if value is not None and not isinstance(value, str):
        raise bad_field(name, "must be a string")
    return value or None


def _json(document: object) -> Answer:
    return Answer(200, orjson.dumps(document), {"Content-Type": "application/json", "Cache-Control": "no-store"})
