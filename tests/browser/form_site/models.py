from __future__ import annotations

from typing import Any

from django.db import models

from apps.core.fields import ResumableFileField


class Clip(models.Model):
    title = models.CharField(max_length=100, blank=True)
    file = ResumableFileField(upload_to="clips/", accept=[".bin", "text/*"], max_size="64 MB", blank=True)
    sheet = ResumableFileField(upload_to="sheets/", accept=[".bin", "text/*"], blank=True)

    objects: models.Manager[Any] = models.Manager()

    class Meta:
        app_label = "form_site"

    def __str__(self) -> str:
        return self.title
