import uuid
from typing import Any

import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models

from ..models.published_file import PublishedFileField


class Migration(migrations.Migration):
    """The tables. Its operations are made when it is instantiated, because only then is the app's label known."""

    initial = True

    dependencies = [
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    def __init__(self, name: str, app_label: str) -> None:
        super().__init__(name, app_label)
        self.operations = _operations(app_label)  # type: ignore[misc]  # as Migration.__init__ does


def _operations(app_label: str) -> list[Any]:
    return [
        migrations.CreateModel(
            name="StoreIdentity",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("identifier", models.CharField(max_length=64, unique=True)),
                ("alias", models.CharField(help_text="The store's alias when it was first seen.", max_length=64)),
                ("seen_at", models.DateTimeField(auto_now_add=True)),
            ],
            options={
                "verbose_name_plural": "store identities",
            },
        ),
        migrations.CreateModel(
            name="OwnerUsage",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("open_sessions", models.PositiveIntegerField(default=0)),
                ("reserved_bytes", models.PositiveBigIntegerField(default=0)),
                ("stored_bytes", models.PositiveBigIntegerField(default=0)),
                (
                    "owner",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="upload_usage",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
            ],
            options={
                "verbose_name": "upload usage",
                "verbose_name_plural": "upload usage",
            },
        ),
        migrations.CreateModel(
            name="UploadSession",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("upload_id", models.UUIDField(default=uuid.uuid4, editable=False, unique=True)),
                (
                    "dedupe_key",
                    models.CharField(
                        editable=False,
                        help_text="What makes init idempotent: one open session has it, ended ones have none.",
                        max_length=64,
                        null=True,
                        unique=True,
                    ),
                ),
                (
                    "status",
                    models.CharField(
                        choices=[
                            ("active", "Active"),
                            ("assembling", "Assembling"),
                            ("completed", "Completed"),
                            ("cancelled", "Cancelled"),
                            ("expired", "Expired"),
                            ("failed", "Failed"),
                            ("removing", "Removing"),
                        ],
                        default="active",
                        max_length=12,
                    ),
                ),
                (
                    "filename",
                    models.CharField(
                        help_text="The client's name for the file: a label, never a path.", max_length=255
                    ),
                ),
                ("mime_type", models.CharField(max_length=127)),
                (
                    "total_size",
                    models.PositiveBigIntegerField(
                        help_text="Bytes; empty while the sender does not know it.", null=True
                    ),
                ),
                ("chunk_size", models.PositiveBigIntegerField()),
                (
                    "file_hash",
                    models.CharField(
                        blank=True, help_text="Declared SHA-256 of the whole file, in hex.", max_length=64
                    ),
                ),
                ("metadata", models.JSONField(blank=True, default=dict)),
                (
                    "store",
                    models.CharField(
                        default="default", help_text="Alias of the store that has the bytes.", max_length=64
                    ),
                ),
                (
                    "store_handle",
                    models.CharField(blank=True, help_text="The store's own name for what is staged.", max_length=512),
                ),
                ("received_chunks", models.PositiveIntegerField(default=0)),
                ("received_bytes", models.PositiveBigIntegerField(default=0)),
                (
                    "contiguous_chunks",
                    models.PositiveIntegerField(
                        default=0, help_text="Lower bound of the chunks recorded from the first on without a gap."
                    ),
                ),
                (
                    "chunks_end",
                    models.PositiveIntegerField(
                        default=0, help_text="Index behind the last recorded chunk, while the size is not declared."
                    ),
                ),
                (
                    "end_index",
                    models.PositiveIntegerField(
                        help_text="The short chunk that ends a file whose size is not declared yet.", null=True
                    ),
                ),
                ("partial_index", models.PositiveIntegerField(default=0)),
                (
                    "partial_size",
                    models.PositiveBigIntegerField(default=0, help_text="Bytes kept of the chunk at partial_index."),
                ),
                ("partial_sha256", models.CharField(blank=True, max_length=64)),
                (
                    "append_token",
                    models.UUIDField(help_text="The newest sequential request; older ones change nothing.", null=True),
                ),
                ("lease_token", models.UUIDField(help_text="The assembly at work.", null=True)),
                ("lease_expires_at", models.DateTimeField(null=True)),
                ("assembled_bytes", models.PositiveBigIntegerField(default=0)),
                (
                    "sha256",
                    models.CharField(
                        blank=True, help_text="SHA-256 of the stored file, verified at completion.", max_length=64
                    ),
                ),
                (
                    "file",
                    PublishedFileField(blank=True, editable=False, max_length=255, upload_to=""),
                ),
                (
                    "counted_bytes",
                    models.PositiveBigIntegerField(
                        default=0, help_text="Bytes that this upload counts in what its owner has stored."
                    ),
                ),
                ("error_code", models.CharField(blank=True, max_length=64)),
                ("error_detail", models.TextField(blank=True)),
                ("created_at", models.DateTimeField(auto_now_add=True)),
                ("updated_at", models.DateTimeField(auto_now=True)),
                ("expires_at", models.DateTimeField()),
                ("ended_at", models.DateTimeField(null=True)),
                ("announcing_at", models.DateTimeField(help_text="When sending upload_completed began.", null=True)),
                ("announced_at", models.DateTimeField(help_text="When upload_completed was sent.", null=True)),
                (
                    "owner",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="upload_sessions",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
            ],
            options={
                "ordering": ("-created_at", "-pk"),
            },
        ),
        migrations.CreateModel(
            name="ChunkReceipt",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("index", models.PositiveIntegerField()),
                ("size", models.PositiveBigIntegerField()),
                ("sha256", models.BinaryField(max_length=32)),
                (
                    "etag",
                    models.CharField(blank=True, help_text="The store's own name for these bytes.", max_length=128),
                ),
                (
                    "session",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="receipts",
                        to=f"{app_label}.uploadsession",
                    ),
                ),
            ],
        ),
        migrations.AddIndex(
            model_name="uploadsession",
            index=models.Index(fields=["owner", "-created_at", "-id"], name="upload_owner_created"),
        ),
        migrations.AddIndex(
            model_name="uploadsession",
            index=models.Index(fields=["status", "expires_at"], name="upload_status_expires"),
        ),
        migrations.AddIndex(
            model_name="uploadsession",
            index=models.Index(fields=["status", "ended_at"], name="upload_status_ended"),
        ),
        migrations.AddConstraint(
            model_name="chunkreceipt",
            constraint=models.UniqueConstraint(fields=("session", "index"), name="one_receipt_per_chunk"),
        ),
    ]
