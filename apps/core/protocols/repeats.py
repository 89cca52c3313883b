"""Creations that may be repeated: the Idempotency-Key field (draft-ietf-httpapi-idempotency-key-header).

A client that sends a whole file with its creation, and whose connection breaks before the answer, cannot know whether
there is an upload. It sends the same request again, with the same key, as often as it takes, and there is one upload
in the end. The key, which is the client's alone, makes the upload's id; so no record of keys is kept, and it stands for
its upload as long as that is there.
"""

from __future__ import annotations

from collections.abc import Mapping
from uuid import UUID

from ..errors import BadRequest, Conflict, NotFound
from ..models import UploadSession
from ..services.resumable_upload_service import ResumableUploadService
from .structured import string_item

Status = UploadSession.Status

FIELD = "Idempotency-Key"
LONGEST = 128


def idempotency_key(headers: Mapping[str, str]) -> str | None:
    """The key of a request, if it has one.

    Raises:
        BadRequest: it is no String of 1 to 128 characters.
    """
    field = headers.get(FIELD)
    if field is None:
        return None
    key = string_item(field)
    if not key or len(key) > LONGEST:
        raise BadRequest(f'{FIELD} must be a String of 1 to {LONGEST} characters, as "8e03978e".', code="bad_field")
    return key


def earlier(
    service: ResumableUploadService, upload_id: UUID, *, total_size: int | None, file_hash: str
) -> UploadSession | None:
    """The upload that an earlier request with the same key brought to its end, or nearly. One that did not come so far
    is removed, and this request begins anew.

    Raises:
        Conflict: that request was of another file.
    """
    try:
        session = service.status(upload_id)
    except NotFound:
        return None
    if session.status not in (Status.ASSEMBLING, Status.COMPLETED, Status.FAILED):
        service.remove(upload_id)
        return None
    if session.total_size != total_size or session.file_hash != file_hash:
        raise Conflict(f"This {FIELD} was used for another file.", code="client_key_conflict")
    return session
