"""Which uploads a final upload is made of (tus, extension *concatenation*)."""

from __future__ import annotations

from django.db import models

from .upload_session import UploadSession


class PartOfFinal(models.Model):
    """One place in a final upload: the partial upload whose bytes come there."""

    final = models.ForeignKey(UploadSession, on_delete=models.CASCADE, related_name="parts")
    position = models.PositiveIntegerField()
    partial = models.ForeignKey(
        UploadSession,
        on_delete=models.SET_NULL,
        null=True,
        related_name="finals",
        help_text="Empty once it is removed.",
    )
    size = models.PositiveBigIntegerField()

    class Meta:
        ordering = ("position",)
        constraints = [models.UniqueConstraint(fields=["final", "position"], name="one_partial_per_place")]

    def __str__(self) -> str:
        return f"{self.final_id}[{self.position}]"
