"""For the tests of projects with resumable fields: completed uploads, without HTTP and without a browser.

Both work in ``TestCase`` and its transaction. Under pytest they are fixtures too (:mod:`.pytest_plugin`).
"""

from __future__ import annotations

import hashlib
from typing import Any

from .errors import UploadError
from .fields import UploadedReference
from .services.purposes import field_token
from .services.references import reference_to
from .services.resumable_upload_service import ResumableUploadService


def completed_upload(
    user: Any, field: Any, content: bytes = b"some bytes", filename: str = "file.bin"
) -> UploadedReference:
    """An upload by ``user`` for a model field, completed: what a form's ``cleaned_data`` has for it. Assign it to the
    field and save the row.

    Args:
        field: the model field, or its label, ``app.model.field``.
        content: what was uploaded.
        filename: the client's name for it; its suffix says of which type it is.

    Raises:
        UploadError: the field does not take it, as a browser would be told.
    """
    label = field if isinstance(field, str) else field.label
    service = ResumableUploadService(user)
    session, _ = service.create(
        filename=filename,
        total_size=len(content),
        file_hash=hashlib.sha256(content).hexdigest(),
        purpose=field_token(label.lower()),
    )
    for index in range(session.total_chunks or 0):
        sink = service.receive_chunk(session, index)
        sink.receive(content[index * session.chunk_size : (index + 1) * session.chunk_size])
        sink.finish()
    return UploadedReference(service.complete(session))


def upload_reference(user: Any, field: Any, content: bytes = b"some bytes", filename: str = "file.bin") -> str:
    """The text that a form posts for such an upload.

    Raises:
        UploadError: as :func:`completed_upload`.
    """
    return reference_to(completed_upload(user, field, content, filename).session) or ""


__all__ = ["UploadError", "completed_upload", "upload_reference"]
