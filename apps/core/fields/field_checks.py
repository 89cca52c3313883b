"""System checks of a ``ResumableFileField``: each mistake with an id and a hint."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

from django.core.checks import CheckMessage, Error, Warning
from django.core.exceptions import FieldDoesNotExist
from django.core.files.storage import FileSystemStorage, Storage
from django.db import models

from ..conf import upload_settings
from ..services.accepted_types import allowed_types
from ..services.destination_names import PROVISIONAL
from ..storage import get_store
from ..storage.local import DIRECTORIES, LocalStore
from ..units import decimal_size

_ACCEPTABLE = re.compile(r"\.[^\s/]+|[\w.+-]+/(\*|[\w.+-]+)", re.ASCII)
_SHORTEST_NAME = 16
"""Characters: one, a random part of eight, and a suffix."""
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
    misspelt = [each for each in field.accept if not _ACCEPTABLE.fullmatch(each)]
    if misspelt:
        yield Error(
            f"accept has {', '.join(map(repr, misspelt))}, which is neither a suffix nor a type.",
            hint="Give suffixes with their dot, and MIME types: ['.mkv', 'video/mp4', 'audio/*'].",
            obj=field,
            id="resumable_uploads.E022",
        )
    elif not types:
        replaced = "None of it is known." if field.replaces_allowed_types else "Or give replaces_allowed_types=True."
        yield Error(
            f"accept={list(field.accept)!r} leaves nothing of what the site allows.",
            hint=f"Name suffixes, or extend RESUMABLE_UPLOADS['ALLOWED_TYPES']. {replaced}",
            obj=field,
            id="resumable_uploads.E020",
        )
    dangerous = sorted(_RUN_BY_BROWSERS & set(types))
    if dangerous and _is_public(field.storage):
        yield Warning(
            f"Files ending in {', '.join(dangerous)} would be served to browsers from MEDIA_URL, which run them.",
            hint="Serve them from another domain, or as attachments: docs/FIELDS.md has nginx's lines.",
            obj=field,
            id="resumable_uploads.W011",
        )
    yield from _check_digest_field(field)
    yield from _check_room_for_names(field)
    yield from _check_place(field)


def _check_room_for_names(field: Any) -> Iterator[CheckMessage]:
    directory = f"{PROVISIONAL}{'0' * 32}/" if callable(field.upload_to) else str(field.upload_to)
    least = len(directory) + _SHORTEST_NAME
    if field.max_length is not None and field.max_length < least:
        yield Error(
            f"max_length={field.max_length} has no room for the names of files in {directory!r}.",
            hint=f"Give it max_length={least} or more; 100 is Django's own.",
            obj=field,
            id="resumable_uploads.E023",
        )


def _check_place(field: Any) -> Iterator[CheckMessage]:
    """Files among those of a store would be taken for files that nobody knows of."""
    if callable(field.upload_to) or not isinstance(field.storage, FileSystemStorage):
        return
    place = Path(os.path.abspath(os.path.join(field.storage.location, str(field.upload_to))))
    if any(place.is_relative_to(directory) for directory in _store_directories()):
        yield Error(
            f"upload_to={field.upload_to!r} is a directory of the uploads' own store.",
            hint="Give the field another directory, or RESUMABLE_UPLOADS another ROOT.",
            obj=field,
            id="resumable_uploads.E024",
        )


def _store_directories() -> Iterator[Path]:
    for alias in upload_settings().stores:
        with suppress(Exception):  # What is wrong with a store its own check says.
            store = get_store(alias)
            if isinstance(store, LocalStore):
                yield from (store.root / name for name in DIRECTORIES)


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
            hint=f"Let the model have {field.sha256_field} = "
            "models.CharField(max_length=64, blank=True, editable=False).",
            obj=field,
            id="resumable_uploads.E021",
        )
