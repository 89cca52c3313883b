"""Uploads for the library's fields, without HTTP."""

from __future__ import annotations

import hashlib
from typing import Any

from apps.core.fields import UploadedReference
from apps.core.models import UploadSession
from apps.core.services.purposes import field_token
from apps.core.services.resumable_upload_service import ResumableUploadService
from apps.core.testing import completed_upload, upload_reference

VIDEO = "library.video.file"
PAPER = "library.paper.file"
DATA = b"moving pictures"
NAME = "holiday.bin"


def begin(owner: Any, label: str = VIDEO, data: bytes = DATA, **fields: Any) -> UploadSession:
    """Send all chunks of an upload for a field, and do not complete it."""
    service = ResumableUploadService(owner)
    fields = {"filename": NAME, "total_size": len(data), "purpose": field_token(label), **fields}
    session, _ = service.create(file_hash=hashlib.sha256(data).hexdigest(), **fields)
    sink = service.receive_chunk(session, 0)
    sink.receive(data)
    sink.finish()
    return session


def upload(owner: Any, label: str = VIDEO, data: bytes = DATA, **fields: Any) -> UploadSession:
    """A completed upload for a field."""
    return ResumableUploadService(owner).complete(begin(owner, label, data, **fields))


def reference(owner: Any, label: str = VIDEO, data: bytes = DATA) -> str:
    """What a form posts for it."""
    return upload_reference(owner, label, data, NAME)


def uploaded(owner: Any, label: str = VIDEO, data: bytes = DATA) -> UploadedReference:
    """What a form's ``cleaned_data`` has for it."""
    return completed_upload(owner, label, data, NAME)
