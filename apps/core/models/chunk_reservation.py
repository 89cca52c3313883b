"""Which chunks are on their way into a store that cannot lock them; see ``services.cells``."""

from __future__ import annotations

from django.db import models

from .upload_session import UploadSession


class ChunkReservation(models.Model):
    """Until ``expires_at`` only bytes with this SHA-256 (32 raw bytes) may become the chunk's."""

    session = models.ForeignKey(UploadSession, on_delete=models.CASCADE, related_name="reservations", db_index=False)
    index = models.PositiveIntegerField()
    token = models.UUIDField(help_text="Of the sender that came last.")
    is_sequential = models.BooleanField(help_text="A newer sequential request may take it over.")
    sha256 = models.BinaryField(max_length=32)
    expires_at = models.DateTimeField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["session", "index"], name="one_reservation_per_chunk")]

    def __str__(self) -> str:
        return f"{self.session_id}#{self.index} until {self.expires_at}"
