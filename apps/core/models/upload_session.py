"""The session of an upload and its ledger: state and arithmetic, no bytes, no HTTP.

Rows change only through :mod:`apps.core.services.ledger` and :mod:`apps.core.services.transitions`.
"""

from __future__ import annotations

import uuid

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils import timezone

from ..conf import upload_settings
from ..grid import Grid
from ..storage.published import PublishedStorage


class UploadSession(models.Model):
    """One upload: its owner, names, sizes and state.

    Moves: active -> assembling -> completed; active -> cancelled | expired; assembling -> active (damaged chunks must
    be sent again) | failed (the content is refused). Every move is one compare-and-set in the database.
    """

    class Status(models.TextChoices):
        ACTIVE = "active"
        ASSEMBLING = "assembling"
        COMPLETED = "completed"
        CANCELLED = "cancelled"
        EXPIRED = "expired"
        FAILED = "failed"

    OPEN = (Status.ACTIVE, Status.ASSEMBLING)

    upload_id = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    owner = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="upload_sessions")
    status = models.CharField(max_length=12, choices=Status.choices, default=Status.ACTIVE)

    filename = models.CharField(max_length=255, help_text="The client's name for the file: a label, never a path.")
    mime_type = models.CharField(max_length=127)
    total_size = models.PositiveBigIntegerField(null=True, help_text="Bytes; empty while the sender does not know it.")
    chunk_size = models.PositiveBigIntegerField()
    file_hash = models.CharField(max_length=64, blank=True, help_text="Declared SHA-256 of the whole file, in hex.")
    metadata = models.JSONField(default=dict, blank=True)

    received_chunks = models.PositiveIntegerField(default=0)
    received_bytes = models.PositiveBigIntegerField(default=0)
    contiguous_chunks = models.PositiveIntegerField(
        default=0, help_text="Lower bound of the chunks recorded from the first on without a gap."
    )
    partial_index = models.PositiveIntegerField(default=0)
    partial_size = models.PositiveBigIntegerField(default=0, help_text="Bytes kept of the chunk at partial_index.")
    partial_sha256 = models.CharField(max_length=64, blank=True)
    append_token = models.UUIDField(null=True, help_text="The newest sequential request; older ones change nothing.")

    lease_token = models.UUIDField(null=True, help_text="The assembly at work.")
    lease_expires_at = models.DateTimeField(null=True)
    assembled_bytes = models.PositiveBigIntegerField(default=0)

    sha256 = models.CharField(max_length=64, blank=True, help_text="SHA-256 of the stored file, proven at completion.")
    file = models.FileField(storage=PublishedStorage(), max_length=255, blank=True, editable=False)
    error_code = models.CharField(max_length=64, blank=True)
    error_detail = models.TextField(blank=True)

    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)
    expires_at = models.DateTimeField()
    ended_at = models.DateTimeField(null=True)
    announced_at = models.DateTimeField(null=True, help_text="When upload_completed was sent.")

    class Meta:
        ordering = ("-created_at", "-pk")
        indexes = [
            models.Index(fields=["owner", "-created_at", "-id"], name="upload_owner_created"),
            models.Index(fields=["status", "expires_at"], name="upload_status_expires"),
            models.Index(fields=["status", "ended_at"], name="upload_status_ended"),
        ]
        constraints = [
            # Makes init idempotent when two tabs ask at once.
            models.UniqueConstraint(
                fields=["owner", "filename", "total_size", "file_hash"],
                condition=Q(status__in=("active", "assembling")) & ~Q(file_hash=""),
                name="upload_one_open_session_per_file",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.filename} ({self.upload_id})"

    @property
    def grid(self) -> Grid:
        return Grid(self.chunk_size, self.total_size, upload_settings().max_chunks)

    @property
    def total_chunks(self) -> int | None:
        """Chunks in the whole file; None while its size is unknown."""
        return self.grid.total_chunks

    @property
    def progress_percentage(self) -> float:
        """Recorded share of the file in percent, rounded down to two places; 100 only when everything is there."""
        if self.status == self.Status.COMPLETED:
            return 100.0
        if not self.total_size:
            return 0.0
        return self.received_bytes * 10_000 // self.total_size / 100

    @property
    def missing_chunks(self) -> list[int]:
        """Indices that must still be sent, ascending. While the size is unknown: the gaps below the last chunk."""
        if self.status in (self.Status.COMPLETED, self.Status.ASSEMBLING):
            return []
        total = self.total_chunks
        if total is not None and total == self.received_chunks:
            return []
        recorded = set(self.receipts.values_list("index", flat=True))
        end = total if total is not None else max(recorded, default=-1) + 1
        return [index for index in range(end) if index not in recorded]

    @property
    def is_expired(self) -> bool:
        """Whether the session ran out, swept or not."""
        overdue = self.status == self.Status.ACTIVE and self.expires_at <= timezone.now()
        return overdue or self.status == self.Status.EXPIRED


class ChunkReceipt(models.Model):
    """One line of the ledger: this chunk's bytes are stored and have this SHA-256 (32 raw bytes)."""

    session = models.ForeignKey(UploadSession, on_delete=models.CASCADE, related_name="receipts", db_index=False)
    index = models.PositiveIntegerField()
    size = models.PositiveBigIntegerField()
    sha256 = models.BinaryField(max_length=32)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["session", "index"], name="one_receipt_per_chunk")]

    def __str__(self) -> str:
        return f"{self.session_id}#{self.index}"
