"""What protocols that send bytes in order do alike with an upload that there is: look at it, and end it."""

from __future__ import annotations

from uuid import UUID

from ..errors import Conflict, SessionGone
from ..http.protocol import Answer
from ..models import UploadSession
from ..services.resumable_upload_service import ResumableUploadService

Status = UploadSession.Status


def settled(service: ResumableUploadService, upload_id: UUID) -> tuple[UploadSession, int]:
    """The session, once an older request has ended and kept what it brought; and where it continues, in bytes.

    Raises:
        NotFound: there is none.
    """
    session = service.status(upload_id)
    if session.status != Status.ACTIVE or session.concat == UploadSession.Concat.FINAL:
        return session, session.total_size or 0
    try:
        return session, service.offset(session, supersede=True)
    except (Conflict, SessionGone):
        session = service.status(upload_id)
        if session.status == Status.ACTIVE:
            raise
        # The older request brought the last bytes, or somebody ended the upload.
        return session, session.total_size or 0


def deleted(service: ResumableUploadService, upload_id: UUID) -> Answer:
    """The upload is removed, in any state: 204.

    Raises:
        NotFound: there is none.
    """
    service.find(upload_id)
    service.remove(upload_id)
    return Answer(204)
