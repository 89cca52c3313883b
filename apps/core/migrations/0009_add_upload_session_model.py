import uuid

import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models

from ..storage.published import PublishedStorage


class Migration(migrations.Migration):
    initial = True

    dependencies = [
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
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
                    "status",
                    models.CharField(
                        choices=[
                            ("active", "Active"),
                            ("assembling", "Assembling"),
                            ("completed", "Completed"),
                            ("cancelled", "Cancelled"),
                            ("expired", "Expired"),
                            ("failed", "Failed"),
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
                ("received_chunks", models.PositiveIntegerField(default=0)),
                ("received_bytes", models.PositiveBigIntegerField(default=0)),
                (
                    "contiguous_chunks",
                    models.PositiveIntegerField(
                        default=0, help_text="Lower bound of the chunks recorded from the first on without a gap."
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
                        blank=True, help_text="SHA-256 of the stored file, proven at completion.", max_length=64
                    ),
                ),
                (
                    "file",
                    models.FileField(
                        blank=True, editable=False, max_length=255, storage=PublishedStorage(), upload_to=""
                    ),
                ),
                ("error_code", models.CharField(blank=True, max_length=64)),
                ("error_detail", models.TextField(blank=True)),
                ("created_at", models.DateTimeField(auto_now_add=True)),
                ("updated_at", models.DateTimeField(auto_now=True)),
                ("expires_at", models.DateTimeField()),
                ("ended_at", models.DateTimeField(null=True)),
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
                    "session",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="receipts",
                        to="core.uploadsession",
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
            model_name="uploadsession",
            constraint=models.UniqueConstraint(
                condition=models.Q(
                    ("status__in", ("active", "assembling")), models.Q(("file_hash", ""), _negated=True)
                ),
                fields=("owner", "filename", "total_size", "file_hash"),
                name="upload_one_open_session_per_file",
            ),
        ),
        migrations.AddConstraint(
            model_name="chunkreceipt",
            constraint=models.UniqueConstraint(fields=("session", "index"), name="one_receipt_per_chunk"),
        ),
    ]
