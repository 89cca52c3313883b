"""Where the first bytes of a chunk are, in a store that keeps them apart until the chunk is whole."""

from __future__ import annotations

from django.db import models

from .upload_session import UploadSession


class KeptSegment(models.Model):
    """``size`` bytes of a chunk from ``start`` on, under a name that the store gave."""

    session = models.ForeignKey(UploadSession, on_delete=models.CASCADE, related_name="segments", db_index=False)
    index = models.PositiveIntegerField()
    start = models.PositiveBigIntegerField()
    size = models.PositiveBigIntegerField()
    name = models.CharField(max_length=512)

    class Meta:
        ordering = ("start",)
        constraints = [models.UniqueConstraint(fields=["session", "index", "start"], name="one_segment_from_each_byte")]

    def __str__(self) -> str:
        return f"{self.session_id}#{self.index}[{self.start}:{self.start + self.size}]"
