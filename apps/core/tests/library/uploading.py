"""Uploads for the library's fields, without HTTP."""

from __future__ import annotations

import hashlib
from typing import Any

from apps.core.fields import UploadedReference
from apps.core.models import UploadSession
from apps.core.services.purposes import field_token
from apps.core.services.references import reference_to
from apps.core.services.resumable_upload_service import ResumableUploadService

VIDEO = "library.video.file"
PAPER = "library.paper.file"


def begin(owner: Any, label: str = VIDEO, data: bytes = b"moving pictures", **fields: Any) -> UploadSession:
    """Send all chunks of an upload for a field."""
    service = ResumableUploadService(owner)
    fields = {"filename": "holiday.bin", "total_size": len(data), "purpose": field_token(label), **fields}
    session, _ = service.create(file_hash=hashlib.sha256(data).hexdigest(), **fields)
    size = session.chunk_size
    for index in range(session.total_chunks or 0):
        sink = service.receive_chunk(session, index)
        sink.receive(data[index * size : (index + 1) * size])
        sink.finish()
    return session


def upload(owner: Any, label: str = VIDEO, data: bytes = b"moving pictures", **fields: Any) -> UploadSession:
    """A completed upload for a field."""
    return ResumableUploadService(owner).complete(begin(owner, label, data, **fields))


def reference(owner: Any, label: str = VIDEO, data: bytes = b"moving pictures", **fields: Any) -> str:
    """What a form posts for it."""
    return reference_to(upload(owner, label, data, **fields)) or ""


def uploaded(owner: Any, label: str = VIDEO, data: bytes = b"moving pictures", **fields: Any) -> UploadedReference:
    """What a form's ``cleaned_data`` has for it."""
    return UploadedReference(upload(owner, label, data, **fields))
