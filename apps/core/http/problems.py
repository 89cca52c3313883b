"""The one error form: problem details (RFC 9457) with a stable ``code``."""

from __future__ import annotations

import logging
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import orjson
from django.core.exceptions import BadRequest as DjangoBadRequest
from django.core.exceptions import SuspiciousOperation
from django.http import RawPostDataException

from .. import errors
from ..conf import PACKAGE
from ..troubles import trouble_behind

logger = logging.getLogger(f"{PACKAGE}.requests")

CONTENT_TYPE = "application/problem+json"

TITLES = {
    400: "Bad request",
    401: "Authentication required",
    403: "Forbidden",
    404: "Not found",
    405: "Method not allowed",
    406: "Not acceptable",
    408: "Request timeout",
    409: "Conflict",
    410: "Gone",
    411: "Length required",
    412: "Precondition failed",
    413: "Too large",
    415: "Unsupported media type",
    416: "Range not satisfiable",
    422: "Content refused",
    423: "Locked",
    429: "Too many requests",
    431: "Request header fields too large",
    460: "Checksum mismatch",
    500: "Internal error",
    503: "Unavailable",
    507: "Storage full",
}

_STATUS: tuple[tuple[type[errors.UploadError], int], ...] = (
    (errors.NotFound, 404),
    (errors.Forbidden, 403),
    (errors.ChecksumMismatch, 400),
    (errors.BodyBroken, 400),
    (errors.BadRequest, 400),
    (errors.Conflict, 409),
    (errors.ReferenceRefused, 409),
    (errors.SessionGone, 410),
    (errors.TooLarge, 413),
    (errors.UnsupportedEncoding, 415),
    (errors.UnsupportedType, 415),
    (errors.ContentRefused, 422),
    (errors.QuotaExceeded, 429),
    (errors.Throttled, 429),
    (errors.StorageFull, 507),
    (errors.Unavailable, 503),
)

_QUOTA_RETRY_SECONDS = 60
_UNAVAILABLE_RETRY_SECONDS = 1


@dataclass(frozen=True, slots=True)
class Problem:
    """One problem. ``extra`` are further members of the JSON object, ``more_headers`` further headers."""

    status: int
    code: str
    detail: str
    extra: Mapping[str, Any] = field(default_factory=dict)
    more_headers: Mapping[str, str] = field(default_factory=dict)

    def document(self) -> dict[str, Any]:
        return {
            "type": f"urn:resumable-uploads:problem:{self.code.replace('_', '-')}",
            "title": TITLES.get(self.status, "Error"),
            "status": self.status,
            "code": self.code,
            "detail": self.detail,
            **self.extra,
        }

    def body(self) -> bytes:
        return orjson.dumps(self.document())

    def headers(self) -> dict[str, str]:
        return {"Content-Type": CONTENT_TYPE, "Cache-Control": "no-store", **self.more_headers}


def problem_for(error: errors.UploadError) -> Problem:
    """The problem that tells a client of an engine's error."""
    status = next((status for kind, status in _STATUS if isinstance(error, kind)), 400)
    headers: dict[str, str] = {}
    if isinstance(error, errors.Throttled) and error.wait is not None:
        headers["Retry-After"] = str(math.ceil(error.wait))
    elif isinstance(error, errors.QuotaExceeded):
        headers["Retry-After"] = str(_QUOTA_RETRY_SECONDS)
    elif isinstance(error, errors.Unavailable):
        headers["Retry-After"] = str(_UNAVAILABLE_RETRY_SECONDS)
    return Problem(status, error.code, error.detail, error.extra, headers)


def problem_for_any(error: Exception) -> Problem:
    """The problem for whatever was raised; what nobody expected is logged."""
    if isinstance(error, errors.UploadError):
        return problem_for(error)
    if isinstance(error, SuspiciousOperation | DjangoBadRequest | RawPostDataException):
        return MALFORMED
    trouble = trouble_behind(error)
    if trouble is None:
        logger.exception("unexpected error", exc_info=error)
        return INTERNAL_ERROR
    logger.error("database or storage in trouble", exc_info=error)
    return problem_for(trouble)


def unauthenticated(challenge: str | None, detail: str = "Give a valid token.") -> Problem:
    """401 with the challenge of the first authenticator, or 403 where it has none (RFC 9110, 15.5.2)."""
    if challenge is None:
        return Problem(403, "not_authenticated", detail)
    return Problem(401, "not_authenticated", detail, more_headers={"WWW-Authenticate": challenge})


INTERNAL_ERROR = Problem(500, "internal_error", "Something went wrong here; nothing that was acknowledged is lost.")
MALFORMED = Problem(400, "bad_request", "The request is malformed.")
UNKNOWN_PATH = Problem(404, "not_found", "There is nothing at this address.")
LENGTH_REQUIRED = Problem(411, "length_required", "This server hands no chunked bodies over; send a Content-Length.")
BODY_BROKEN = Problem(400, "incomplete_body", "The body is shorter than announced, or its framing is malformed.")
SUPERSEDED = Problem(409, "append_superseded", "A newer request took over.", more_headers={"Connection": "close"})
TIMED_OUT = Problem(
    408,
    "receive_timeout",
    "The body stopped arriving; send it again, or what is missing of it.",
    more_headers={"Connection": "close"},
)


def body_too_large(limit: int) -> Problem:
    """413 for a body that is not even read."""
    return Problem(413, "too_large", f"The body may have at most {limit} bytes.", {"limit": limit})


def method_not_allowed(methods: frozenset[str]) -> Problem:
    """405 with the methods there are."""
    allow = ", ".join(sorted(methods))
    return Problem(405, "method_not_allowed", f"Use {allow}.", more_headers={"Allow": allow})
