"""The file field of a completed session: an ordinary Django file, in whichever store has the bytes."""

from __future__ import annotations

from typing import Any

from django.core.files.storage import Storage
from django.db import models
from django.db.models.fields.files import FieldFile
from django.urls import reverse

from ..storage import get_store
from ..storage.destinations import destination_storage


class PublishedFieldFile(FieldFile):
    """A completed upload's file. It belongs to its session: to remove it, remove the session."""

    instance: Any

    @property
    def storage(self) -> Storage:
        """The storage that the session's destination names, or that of its store."""
        if self.instance.destination:
            return destination_storage(self.instance.destination)
        return get_store(self.instance.store).published

    @storage.setter
    def storage(self, value: Storage) -> None:
        """Django gives every file the storage of its field; this one has the session's."""

    @property
    def url(self) -> str:
        """Where its owner downloads it, relative to the host; 404 there once the file was moved away."""
        return reverse("resumable_uploads:file", kwargs={"upload_id": self.instance.upload_id})

    @property
    def size(self) -> int:
        """Bytes, as verified at completion."""
        self._require_file()  # type: ignore[attr-defined]
        return int(self.instance.total_size)


class PublishedFileField(models.FileField):
    """The name of a published file; see :class:`PublishedFieldFile`."""

    attr_class = PublishedFieldFile
