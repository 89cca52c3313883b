"""Where published files go besides a store's own place: a storage of the project, or that of a model field.

A session keeps its destination as text: ``storage:<alias>`` of Django's ``STORAGES``, or
``field:<app>.<model>.<field>``. Empty is the store's own place.
"""

from __future__ import annotations

from typing import Any

from django.apps import apps
from django.core.exceptions import FieldDoesNotExist
from django.core.files.storage import Storage, storages
from django.db import models

STORAGE = "storage:"
FIELD = "field:"


def upload_field(label: str) -> models.FileField:
    """The model field with this label, ``app.model.field``.

    Raises:
        LookupError: there is none, or it takes no uploads.
    """
    try:
        app_label, model_name, name = label.split(".")
        field: Any = apps.get_model(app_label, model_name)._meta.get_field(name)
    except (FieldDoesNotExist, ValueError):
        raise LookupError(f"There is no model field {label!r}.") from None
    if not getattr(field, "takes_uploads", False):
        raise LookupError(f"{label!r} is no ResumableFileField.")
    return field  # type: ignore[no-any-return]


def destination_storage(destination: str) -> Storage:
    """The storage that a destination names.

    Raises:
        LookupError: the field is gone.
        InvalidStorageError: ``STORAGES`` has no such alias.
    """
    if destination.startswith(FIELD):
        return upload_field(destination.removeprefix(FIELD)).storage
    return storages[destination.removeprefix(STORAGE)]
