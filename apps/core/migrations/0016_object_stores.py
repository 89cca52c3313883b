from typing import Any

import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    """Chunks on their way into a store that cannot lock them, and the first bytes of chunks that it keeps apart."""

    def __init__(self, name: str, app_label: str) -> None:
        super().__init__(name, app_label)
        self.dependencies = [(app_label, "0015_uploads_for_fields")]  # type: ignore[misc]
        self.operations = _operations(app_label)  # type: ignore[misc]  # as Migration.__init__ does


def _operations(app_label: str) -> list[Any]:
    return [
        migrations.CreateModel(
            name="ChunkReservation",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("index", models.PositiveIntegerField()),
                ("token", models.UUIDField(help_text="Of the sender that came last.")),
                ("is_sequential", models.BooleanField(help_text="A newer sequential request may take it over.")),
                ("sha256", models.BinaryField(max_length=32)),
                ("expires_at", models.DateTimeField()),
                ("session", _session(app_label, "reservations")),
            ],
            options={
                "constraints": [
                    models.UniqueConstraint(fields=("session", "index"), name="one_reservation_per_chunk"),
                ],
            },
        ),
        migrations.CreateModel(
            name="KeptSegment",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("index", models.PositiveIntegerField()),
                ("start", models.PositiveBigIntegerField()),
                ("size", models.PositiveBigIntegerField()),
                ("name", models.CharField(max_length=512)),
                ("session", _session(app_label, "segments")),
            ],
            options={
                "ordering": ("start",),
                "constraints": [
                    models.UniqueConstraint(fields=("session", "index", "start"), name="one_segment_from_each_byte"),
                ],
            },
        ),
    ]


def _session(app_label: str, related_name: str) -> models.ForeignKey[Any, Any]:
    return models.ForeignKey(
        db_index=False,
        on_delete=django.db.models.deletion.CASCADE,
        related_name=related_name,
        to=f"{app_label}.uploadsession",
    )
