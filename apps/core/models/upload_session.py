"""The session of an upload and its ledger: state and arithmetic, no bytes, no HTTP.

Rows change only through ``services``: ``ledger``, ``declaring``, ``transitions``, ``removal``.
"""

from __future__ import annotations

import uuid

from django.conf import settings
from django.db import models
from django.utils import timezone

from ..conf import upload_settings
from ..grid import Grid
from ..storage import Staged
from .published_file import PublishedFileField


class UploadSession(models.Model):
    """One upload: its owner, names, sizes and state.

    Moves: active -> assembling -> completed; active -> cancelled | expired; assembling -> active (damaged chunks must
    be sent again) | failed (the content is refused); any -> removing -> no row. Every move is one compare-and-set in
    the database.
    """

    class Status(models.TextChoices):
        ACTIVE = "active"
        ASSEMBLING = "assembling"
        COMPLETED = "completed"
        CANCELLED = "cancelled"
        EXPIRED = "expired"
        FAILED = "failed"
        REMOVING = "removing"

    class Concat(models.TextChoices):
        PARTIAL = "partial"
        FINAL = "final"

    OPEN = (Status.ACTIVE, Status.ASSEMBLING)

    upload_id = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    dedupe_key = models.CharField(  # noqa: DJ001  # NULL, because unique columns may have it many times
        max_length=64,
        null=True,
        unique=True,
        editable=False,
        help_text="What makes init idempotent: one open session has it, ended ones have none.",
    )
    owner = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="upload_sessions")
    status = models.CharField(max_length=12, choices=Status.choices, default=Status.ACTIVE)

    filename = models.CharField(max_length=255, help_text="The client's name for the file: a label, never a path.")
    mime_type = models.CharField(max_length=127)
    total_size = models.PositiveBigIntegerField(null=True, help_text="Bytes; empty while the sender does not know it.")
    chunk_size = models.PositiveBigIntegerField()
    file_hash = models.CharField(max_length=64, blank=True, help_text="Declared SHA-256 of the whole file, in hex.")
    metadata = models.JSONField(default=dict, blank=True)
    raw_metadata = models.TextField(blank=True, default="", help_text="Metadata as a tus client sent it.")

    concat = models.CharField(
        max_length=8,
        choices=Concat.choices,
        blank=True,
        default="",
        help_text="Whether it is a part of others, or made of others (tus, concatenation).",
    )
    raw_concat = models.TextField(blank=True, default="", help_text="Upload-Concat as a tus client sent it.")

    store = models.CharField(max_length=64, default="default", help_text="Alias of the store that has the bytes.")
    store_handle = models.CharField(max_length=512, blank=True, help_text="The store's own name for what is staged.")

    purpose = models.CharField(
        max_length=200, blank=True, default="", help_text="The model field that it is for: app.model.field."
    )
    max_size = models.PositiveBigIntegerField(null=True, help_text="Most bytes that its purpose allows.")
    destination = models.CharField(
        max_length=210, blank=True, default="", help_text="Where it is published: see storage.destinations."
    )
    destination_name = models.CharField(
        max_length=255, blank=True, default="", help_text="Its name there, kept before the first byte is."
    )
    is_name_provisional = models.BooleanField(
        default=False, help_text="Whether its name can only be told once there is the row that claims it."
    )

    reserved_bytes = models.PositiveBigIntegerField(
        default=0, help_text="What an open upload has reserved of its owner's quota: up to which byte it may grow."
    )
    spooled_bytes = models.PositiveBigIntegerField(
        default=0, help_text="Reserved besides, for second senders of a chunk whose bytes lie beside it."
    )
    received_chunks = models.PositiveIntegerField(default=0)
    received_bytes = models.PositiveBigIntegerField(default=0)
    contiguous_chunks = models.PositiveIntegerField(
        default=0, help_text="Lower bound of the chunks recorded from the first on without a gap."
    )
    damaged_chunks = models.PositiveIntegerField(
        default=0, help_text="Chunks that arrived damaged, or were found so in the store, and had to be sent again."
    )
    chunks_end = models.PositiveIntegerField(
        default=0, help_text="Index behind the last recorded chunk, while the size is not declared."
    )
    end_index = models.PositiveIntegerField(
        null=True, help_text="The short chunk that ends a file whose size is not declared yet."
    )
    partial_index = models.PositiveIntegerField(default=0)
    partial_size = models.PositiveBigIntegerField(default=0, help_text="Bytes kept of the chunk at partial_index.")
    partial_sha256 = models.CharField(max_length=64, blank=True)
    partial_state = models.BinaryField(
        default=b"", max_length=128, help_text="Running hash of the kept part, worth something in its boot."
    )
    append_token = models.UUIDField(null=True, help_text="The newest sequential request; older ones change nothing.")

    is_append_closed = models.BooleanField(
        default=False, help_text="Stored bytes were damaged, and a protocol whose offsets never decrease was told so."
    )

    lease_token = models.UUIDField(null=True, help_text="The assembly at work.")
    lease_expires_at = models.DateTimeField(null=True)
    assembled_bytes = models.PositiveBigIntegerField(default=0, help_text="Verified so far, from the first on.")
    assembled_state = models.BinaryField(
        default=b"", max_length=128, help_text="Running hash of those bytes, worth something in its boot."
    )

    sha256 = models.CharField(
        max_length=64, blank=True, help_text="SHA-256 of the stored file, verified at completion; empty if left out."
    )
    composite_hash = models.CharField(
        max_length=80, blank=True, default="", help_text="SHA-256 of all chunks' SHA-256, and their number."
    )
    file = PublishedFileField(max_length=255, blank=True, editable=False)
    counted_bytes = models.PositiveBigIntegerField(
        default=0, help_text="Bytes that this upload counts in what its owner has stored."
    )
    claim_token = models.UUIDField(null=True, help_text="Of the save that claimed its file for a model's row.")
    claimed_at = models.DateTimeField(null=True)
    claim_expires_at = models.DateTimeField(null=True, help_text="Until then the claim waits to be confirmed.")
    claimed_pk = models.CharField(max_length=255, blank=True, default="", help_text="The row that has the file.")
    moving_to = models.CharField(max_length=255, blank=True, default="", help_text="Its name to be, while it moves.")
    moved_from = models.CharField(max_length=255, blank=True, default="", help_text="Its name before, still there.")
    moved_at = models.DateTimeField(null=True)

    error_code = models.CharField(max_length=64, blank=True)
    error_detail = models.TextField(blank=True)

    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)
    expires_at = models.DateTimeField()
    ended_at = models.DateTimeField(null=True)
    announcing_at = models.DateTimeField(null=True, help_text="When sending upload_completed began.")
    announced_at = models.DateTimeField(null=True, help_text="When upload_completed was sent.")

    class Meta:
        ordering = ("-created_at", "-pk")
        indexes = [
            models.Index(fields=["owner", "-created_at", "-id"], name="upload_owner_created"),
            models.Index(fields=["status", "expires_at"], name="upload_status_expires"),
            models.Index(fields=["status", "ended_at"], name="upload_status_ended"),
            models.Index(fields=["owner", "status", "ended_at"], name="upload_owner_ended"),
            models.Index(fields=["claim_expires_at"], name="upload_claim_expires"),
        ]

    def __str__(self) -> str:
        return f"{self.filename} ({self.upload_id})"

    @property
    def staged(self) -> Staged:
        """The staged bytes, as the store knows them."""
        return Staged(self.upload_id, self.store_handle)

    @property
    def grid(self) -> Grid:
        limits = upload_settings()
        return Grid(self.chunk_size, self.total_size, limits.max_chunks, self.largest_size)

    @property
    def largest_size(self) -> int:
        """Most bytes that the file may have."""
        limit = upload_settings().max_file_size
        return limit if self.max_size is None else min(limit, self.max_size)

    @property
    def is_claimed(self) -> bool:
        """Whether its file belongs to a model's row, or is about to."""
        return self.claimed_at is not None

    @property
    def total_chunks(self) -> int | None:
        """Chunks in the whole file; None while its size is unknown."""
        return self.grid.total_chunks

    @property
    def published_digest(self) -> str:
        """What tells the published bytes from others: their SHA-256, or where it was left out the composite."""
        return self.sha256 or self.composite_hash

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
        end = total if total is not None else self.chunks_end
        return [index for index in range(end) if index not in recorded]

    @property
    def is_expired(self) -> bool:
        """Whether the session ran out, swept or not."""
        overdue = self.status == self.Status.ACTIVE and self.expires_at <= timezone.now()
        return overdue or self.status == self.Status.EXPIRED


# django-cleanup deletes the files of deleted rows; those of sessions go by themselves, or belong to another row by now.
setattr(UploadSession, f"_uploadsession__{UploadSession._meta.app_label}_cleanup_ignore", None)


class ChunkReceipt(models.Model):
    """One line of the ledger: this chunk's bytes are stored and have this SHA-256 (32 raw bytes)."""

    session = models.ForeignKey(UploadSession, on_delete=models.CASCADE, related_name="receipts", db_index=False)
    index = models.PositiveIntegerField()
    size = models.PositiveBigIntegerField()
    sha256 = models.BinaryField(max_length=32)
    etag = models.CharField(max_length=128, blank=True, help_text="The store's own name for these bytes.")

    class Meta:
        constraints = [models.UniqueConstraint(fields=["session", "index"], name="one_receipt_per_chunk")]

    def __str__(self) -> str:
        return f"{self.session_id}#{self.index}"
