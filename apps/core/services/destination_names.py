"""The names of published files in the storages of others: chosen so that nobody else chooses the same."""

from __future__ import annotations

import posixpath
from typing import Any

from django.core.files.storage import Storage
from django.utils import timezone

from ..models import UploadSession
from ..storage.destinations import FIELD, upload_field

UPLOAD_TO = "uploads/%Y/%m/"
"""Where uploads without a field go in the storage that ``PUBLISH_TO`` names."""
PROVISIONAL = "uploads/provisional/"
"""Where files wait in a field's storage for the row that gives them their name."""

_LONGEST = 255
"""Characters that the session's columns have for a name."""


def name_at_publication(session: UploadSession, storage: Storage) -> str:
    """The name that a file is published under."""
    if not session.destination.startswith(FIELD):
        return unused_name(storage, timezone.now().strftime(UPLOAD_TO), session.filename)
    field: Any = upload_field(session.purpose)
    if session.is_name_provisional:
        directory = f"{PROVISIONAL}{session.upload_id.hex[:12]}"
    else:
        directory = timezone.now().strftime(str(field.upload_to))
    return unused_name(storage, directory, session.filename, field.max_length)


def unused_name(storage: Storage, directory: str, filename: str, max_length: int | None = None) -> str:
    """A name with a random part, as Django makes one where the plain name is taken.

    Args:
        max_length: characters of the whole name, at most.
    """
    root, suffix = posixpath.splitext(storage.get_valid_name(filename))
    name = storage.get_alternative_name(root, suffix)
    too_long = len(posixpath.join(directory, name)) - min(max_length or _LONGEST, _LONGEST)
    if too_long > 0:
        name = storage.get_alternative_name(root[:-too_long] or "f", suffix)
    return storage.generate_filename(posixpath.join(directory, name))
