"""System checks of a ``ResumableFileField``: each mistake with an id and a hint."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from django.core.checks import CheckMessage, Error, Warning
from django.core.exceptions import FieldDoesNotExist
from django.core.files.storage import Storage
from django.db import models

from ..conf import upload_settings
from ..services.accepted_types import allowed_types
from ..units import decimal_size

_RUN_BY_BROWSERS = {".html", ".htm", ".xhtml", ".svg", ".xml", ".shtml", ".mhtml"}


def check_field(field: Any) -> Iterator[CheckMessage]:
    """What is wrong with a field of a model."""
    limit = upload_settings().max_file_size
    if field.max_size is not None and field.max_size > limit:
        yield Warning(
            f"max_size is {decimal_size(field.max_size)}, but the site takes {decimal_size(limit)} at most.",
            hint="Raise RESUMABLE_UPLOADS['MAX_FILE_SIZE'].",
            obj=field,
            id="resumable_uploads.W010",
        )
    types = allowed_types(field.accept, replaces=field.replaces_allowed_types)
    if not types:
        yield Error(
            f"accept={list(field.accept)!r} leaves nothing of what the site allows.",
            hint="Extend RESUMABLE_UPLOADS['ALLOWED_TYPES'], or give replaces_allowed_types=True.",
            obj=field,
            id="resumable_uploads.E020",
        )
    dangerous = sorted(_RUN_BY_BROWSERS & set(types))
    if dangerous and _is_public(field.storage):
        yield Warning(
            f"Files ending in {', '.join(dangerous)} would be served to browsers from MEDIA_URL, which run them.",
            hint="Serve them from another domain, or with Content-Disposition: attachment (see the documentation).",
            obj=field,
            id="resumable_uploads.W011",
        )
    yield from _check_digest_field(field)


def _is_public(storage: Storage) -> bool:
    return bool(getattr(storage, "base_url", None))


def _check_digest_field(field: Any) -> Iterator[CheckMessage]:
    if not field.sha256_field:
        return
    try:
        digest: Any = field.model._meta.get_field(field.sha256_field)
    except FieldDoesNotExist:
        digest = None
    if not isinstance(digest, models.CharField) or (digest.max_length or 64) < 64:
        yield Error(
            f"sha256_field={field.sha256_field!r} names no CharField of 64 characters.",
            hint=f"Add {field.sha256_field} = models.CharField(max_length=64, blank=True) to the model.",
            obj=field,
            id="resumable_uploads.E021",
        )
