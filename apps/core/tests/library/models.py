from __future__ import annotations

from typing import Any

from django.core.files.storage import storages
from django.db import models

from apps.core.fields import ResumableFileField


def videos() -> Any:
    return storages["default"]


class Video(models.Model):
    """``sha256`` stands before the file on purpose: Django saves fields in their order."""

    title = models.CharField(max_length=20)
    sha256 = models.CharField(max_length=64, blank=True, default="")
    file = ResumableFileField(
        upload_to="videos/%Y/", max_size=1000, accept=["video/*", ".bin"], sha256_field="sha256", blank=True
    )

    objects: models.Manager[Any] = models.Manager()

    class Meta:
        app_label = "library"

    def __str__(self) -> str:
        return self.title


def in_shelf(instance: Any, filename: str) -> str:
    return f"shelves/{instance.pk}/{filename}"


class Paper(models.Model):
    """Its file's name needs the row."""

    number = models.IntegerField(unique=True, default=0)
    file = ResumableFileField(upload_to=in_shelf)

    objects: models.Manager[Any] = models.Manager()

    class Meta:
        app_label = "library"

    def __str__(self) -> str:
        return str(self.number)
