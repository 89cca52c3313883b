"""The Django storage of completed files, as the file field of a session needs it: decided when used, not at import."""

from __future__ import annotations

from typing import Any

from django.core.files.storage import Storage
from django.utils.deconstruct import deconstructible

_OWN = {"deconstruct", "_constructor_args"}


@deconstructible
class PublishedStorage(Storage):
    """Stands for ``get_store().published``, whichever store is in force."""

    def __getattribute__(self, name: str) -> Any:
        if name in _OWN or (name.startswith("__") and name.endswith("__")):
            return super().__getattribute__(name)
        from . import get_store

        return getattr(get_store().published, name)
