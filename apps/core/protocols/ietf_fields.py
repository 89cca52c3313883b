"""Fields of the IETF draft's requests and answers, and what their values say together."""

from __future__ import annotations

from collections.abc import Mapping

from django.http import HttpRequest
from django.utils import timezone
from django.utils.http import parse_header_parameters

from ..conf import upload_settings
from ..http.protocol import RequestHead
from ..models import UploadSession
from .ietf_problems import InconsistentLength
from .structured import integer_item, integers

Status = UploadSession.Status

VERSION = "Upload-Draft-Interop-Version"
SPOKEN = frozenset({3, 5, 6, 8})
LATEST = 8
CONTENT_TYPE = "application/partial-upload"


def names_draft(request: HttpRequest) -> bool:
    """Whether the head of a request is one of the draft's."""
    return any(name in request.headers for name in (VERSION, "Upload-Complete", "Upload-Incomplete"))


def limits(session: UploadSession | None = None) -> dict[str, str]:
    """Upload-Limit: how large an upload may become and, in seconds, how old."""
    settings = upload_settings()
    members = {"max-size": settings.max_file_size, "min-size": 0}
    if session is not None and session.status == Status.ACTIVE:
        members["max-age"] = max(int((session.expires_at - timezone.now()).total_seconds()), 0)
    return {"Upload-Limit": integers(members)}


def known_length(head: RequestHead, ends: bool, offset: int) -> int | None:
    """*Upload-Length*, or where the content of the last request ends.

    Raises:
        InconsistentLength: they contradict each other.
    """
    declared = integer_item(head.headers.get("Upload-Length"))
    deduced = offset + head.content_length if ends and head.content_length is not None else None
    if declared is not None and deduced is not None and declared != deduced:
        raise InconsistentLength
    return declared if deduced is None else deduced


def media_type(headers: Mapping[str, str]) -> str:
    return headers.get("Content-Type", "").partition(";")[0].strip().lower()


def filename_of(headers: Mapping[str, str]) -> str | None:
    try:
        _, parameters = parse_header_parameters(headers.get("Content-Disposition", ""))
    except (LookupError, ValueError):  # It names a charset that there is not, or that does not decode it.
        return None
    return parameters.get("filename") or None
