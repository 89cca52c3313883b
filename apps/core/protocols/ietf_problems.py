"""What the IETF draft refuses in words of its own."""

from __future__ import annotations

from ..errors import BadRequest, NotFound, OffsetMismatch, SessionGone, UploadError
from ..http.problems import Problem
from ..models import UploadSession

Status = UploadSession.Status

PROBLEM_TYPES = "https://iana.org/assignments/http-problem-types#"


class InconsistentLength(UploadError):
    code = "inconsistent_length"

    def __init__(self) -> None:
        super().__init__(
            "The length of the upload was another before.", type=f"{PROBLEM_TYPES}inconsistent-upload-length"
        )


class PastTheEnd(BadRequest):
    def __init__(self) -> None:
        super().__init__("More bytes came than the upload has; it is cancelled.", code="past_the_end")


class Closed(SessionGone):
    """Stored bytes were damaged: the offset would decrease."""

    def __init__(self) -> None:
        super().__init__("damaged")
        self.code = "upload_closed"


class Failed(SessionGone):
    def __init__(self, session: UploadSession) -> None:
        super().__init__(session.status)
        self.code, self.detail = session.error_code, session.error_detail


def mismatching_offset(error: OffsetMismatch) -> Problem:
    extra = {
        "type": f"{PROBLEM_TYPES}mismatching-upload-offset",
        "expected-offset": error.expected,
        "provided-offset": error.provided,
    }
    return Problem(409, error.code, error.detail, extra)


def require_open(session: UploadSession) -> None:
    if session.is_append_closed and session.status != Status.COMPLETED:
        raise Closed
    if session.status in (Status.CANCELLED, Status.EXPIRED):
        raise SessionGone(session.status)
    if session.status == Status.FAILED:
        raise Failed(session)
    if session.status == Status.REMOVING:
        raise NotFound
