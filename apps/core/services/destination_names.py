"""The names of published files in the storages of others: chosen so that nobody else chooses the same."""

from __future__ import annotations

import posixpath
from typing import Any

from django.core.files.storage import Storage
from django.utils import timezone
from django.utils.crypto import get_random_string

from ..models import UploadSession
from ..storage.destinations import FIELD, upload_field

UPLOAD_TO = "uploads/%Y/%m/"
"""Where uploads without a field go in the storage that ``PUBLISH_TO`` names."""
PROVISIONAL = "uploads/provisional/"
"""Where files wait in a field's storage for the row that gives them their name."""

_LONGEST = 255
"""Characters that the session's columns have for a name."""
_LONGEST_BYTES = 255
"""Of one name in a directory, in the file systems of all systems (NAME_MAX)."""
_RANDOM = 7
"""Characters, as Django's own."""


def name_at_publication(session: UploadSession, storage: Storage) -> str:
    """The name that a file is published under."""
    if not session.destination.startswith(FIELD):
        return unused_name(storage, timezone.now().strftime(UPLOAD_TO), session.filename)
    field: Any = upload_field(session.purpose)
    if session.is_name_provisional or callable(field.upload_to):  # The code changed since ``init``.
        directory = f"{PROVISIONAL}{session.upload_id.hex}"
    else:
        directory = timezone.now().strftime(str(field.upload_to))
    return unused_name(storage, directory, session.filename, field.max_length)


def unused_name(storage: Storage, directory: str, filename: str, max_length: int | None = None) -> str:
    """A name with a random part, as Django makes one where the plain name is taken. The random part is our own: what
    lies under the name is deleted by whoever noted it.

    Args:
        max_length: characters of the whole name, at most.
    """
    root, suffix = posixpath.splitext(storage.get_valid_name(filename))
    if root.startswith(".") and not suffix:
        root, suffix = "file", root  # Nothing of the name was left but its suffix.
    end = f"_{get_random_string(_RANDOM)}{suffix}"
    room = min(max_length or _LONGEST, _LONGEST) - len(posixpath.join(directory, end))
    name = storage.generate_filename(posixpath.join(directory, f"{_cut(root, room, len(end.encode()))}{end}"))
    return storage.get_available_name(name)


def _cut(root: str, characters: int, taken_bytes: int) -> str:
    """As much of a name as a directory, and the column, have room for; at least one character."""
    root = root[: max(characters, 1)]
    while len(root.encode()) + taken_bytes > _LONGEST_BYTES and len(root) > 1:
        root = root[:-1]
    return root
