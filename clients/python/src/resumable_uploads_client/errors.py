"""What can go wrong. Every error is an :class:`UploadError` with the server's ``code`` or one of this client's."""

from __future__ import annotations

import json
from email.utils import parsedate_to_datetime
from time import time
from typing import Any

RETRYABLE_CODES = frozenset(
    {
        "append_superseded",
        "checksum_mismatch",
        "chunk_superseded",
        "conflict",
        "incomplete_body",
        "receive_timeout",
        "staging_lost",
        "storage_full",
        "throttled",
    }
)


class UploadError(Exception):
    """Something failed.

    Attributes:
        code: stable; decide by it.
        status: of the HTTP answer; 0 where there was none.
        detail: a sentence.
        problem: the server's problem document (RFC 9457), where it sent one.
        retry_after: seconds that the server asked to wait, or None.
    """

    code = "upload_error"
    retryable = False

    def __init__(
        self,
        detail: str,
        *,
        code: str | None = None,
        status: int = 0,
        problem: dict[str, Any] | None = None,
        retry_after: float | None = None,
    ) -> None:
        super().__init__(detail)
        self.detail = detail
        self.code = code or type(self).code
        self.status = status
        self.problem = problem or {}
        self.retry_after = retry_after


class ConnectionFailed(UploadError):
    """No answer: the connection was refused, broke, or stood still. Tried again until the retry delays are used up."""

    code = "network_error"
    retryable = True


class ServerFailed(UploadError):
    """5xx, also 507 when its disk is full. Tried again."""

    code = "server_failed"
    retryable = True


class Throttled(UploadError):
    """429 with a time to wait. Tried again."""

    code = "throttled"
    retryable = True


class QuotaExceeded(UploadError):
    """429: too many open uploads, or too many bytes stored."""

    code = "quota_exceeded"


class NotAuthenticated(UploadError):
    """401 or 403: no token, or one that does not work."""

    code = "not_authenticated"


class NotFound(UploadError):
    """404: no such upload of yours, or no upload service at this address."""

    code = "not_found"


class SessionEnded(UploadError):
    """410: the upload expired or was cancelled."""

    code = "session_expired"


class Conflict(UploadError):
    """409: what was sent contradicts what the server has."""

    code = "conflict"


class Refused(UploadError):
    """400, 413, 415 or 422: the server will not have this file, or not like this."""

    code = "refused"


class ProxyLimit(UploadError):
    """413 from something on the way, which takes no requests of this size."""

    code = "proxy_limit"


class FileChanged(UploadError):
    """The file was changed while it was being sent, or since; nothing wrong was published."""

    code = "file_changed"


class Interrupted(UploadError):
    """The upload was stopped from outside; the server keeps what it has."""

    code = "interrupted"


class _TemporaryConflict(Conflict):
    retryable = True


class _TemporaryRefusal(Refused):
    retryable = True


def error_of(status: int, body: bytes, retry_after: str | None = None) -> UploadError:
    """The error of an answer outside 2xx: of the server's problem document, or of whatever a proxy said."""
    if 300 <= status < 400:
        # Not gone to: whoever is there would be told the token.
        return Refused(
            "The server refers to another address, which is not asked. Is the API there?",
            code="redirected",
            status=status,
        )
    problem = _problem(body)
    if status == 413 and not problem:
        return ProxyLimit("A proxy on the way takes no requests of this size.", status=status)
    code = problem.get("code")
    detail = str(problem.get("detail") or f"The server answered {status}.")
    kind = _kind(status, code or "")
    if kind is NotFound and not problem:
        detail = "There is no upload service at this address."
    return kind(detail, code=code, status=status, problem=problem, retry_after=parse_retry_after(retry_after))


def _kind(status: int, code: str) -> type[UploadError]:
    retryable = code in RETRYABLE_CODES
    if status in (401, 403):
        return NotAuthenticated
    if status == 404:
        return NotFound
    if status == 409:
        return _TemporaryConflict if retryable else Conflict
    if status == 410:
        return SessionEnded
    if status == 429:
        return QuotaExceeded if code == "quota_exceeded" else Throttled
    if status >= 500:
        return ServerFailed
    return _TemporaryRefusal if retryable or status == 408 else Refused


def _problem(body: bytes) -> dict[str, Any]:
    try:
        document = json.loads(body)
    except ValueError:
        return {}
    return document if isinstance(document, dict) and isinstance(document.get("code"), str) else {}


def parse_retry_after(value: str | None) -> float | None:
    """Seconds of a ``Retry-After`` header, which is a number of them or a date (RFC 9110, 10.2.3)."""
    if not value:
        return None
    try:
        return max(float(value), 0.0)
    except ValueError:
        pass
    try:
        return max(parsedate_to_datetime(value).timestamp() - time(), 0.0)
    except ValueError:
        return None
