"""What ``OPTIONS`` says of a resumable field: the token without which no upload for it begins."""

from __future__ import annotations

from typing import Any

from rest_framework.metadata import SimpleMetadata

from .serializers import ResumableFileField


class ResumableMetadata(SimpleMetadata):
    """For REST framework's ``DEFAULT_METADATA_CLASS``, or a view's ``metadata_class``.

    A resumable field has ``type`` "resumable upload" and ``purpose``, which a client gives to ``init``.
    """

    def get_field_info(self, field: Any) -> dict[str, Any]:
        info: dict[str, Any] = super().get_field_info(field)
        if isinstance(field, ResumableFileField) and not field.read_only:
            info |= {"type": "resumable upload", "purpose": field.token}
        return info
