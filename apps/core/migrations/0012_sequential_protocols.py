from typing import Any

import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    """What tus clients send of an upload and want back, and uploads made of others."""

    def __init__(self, name: str, app_label: str) -> None:
        super().__init__(name, app_label)
        self.dependencies = [(app_label, "0011_ended_sessions_and_files")]  # type: ignore[misc]
        self.operations = _operations(app_label)  # type: ignore[misc]  # as Migration.__init__ does


def _operations(app_label: str) -> list[Any]:
    return [
        migrations.AddField(
            model_name="uploadsession",
            name="raw_metadata",
            field=models.TextField(blank=True, default="", help_text="Metadata as a tus client sent it."),
        ),
        migrations.AddField(
            model_name="uploadsession",
            name="concat",
            field=models.CharField(
                blank=True,
                choices=[("partial", "Partial"), ("final", "Final")],
                default="",
                help_text="Whether it is a part of others, or made of others (tus, concatenation).",
                max_length=8,
            ),
        ),
        migrations.AddField(
            model_name="uploadsession",
            name="raw_concat",
            field=models.TextField(blank=True, default="", help_text="Upload-Concat as a tus client sent it."),
        ),
        migrations.AddField(
            model_name="uploadsession",
            name="is_append_closed",
            field=models.BooleanField(
                default=False,
                help_text="Stored bytes were damaged, and a protocol whose offsets never decrease was told so.",
            ),
        ),
        migrations.CreateModel(
            name="PartOfFinal",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("position", models.PositiveIntegerField()),
                ("size", models.PositiveBigIntegerField()),
                (
                    "final",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="parts",
                        to=f"{app_label}.uploadsession",
                    ),
                ),
                (
                    "partial",
                    models.ForeignKey(
                        help_text="Empty once it is removed.",
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="finals",
                        to=f"{app_label}.uploadsession",
                    ),
                ),
            ],
            options={
                "ordering": ("position",),
                "constraints": [
                    models.UniqueConstraint(fields=("final", "position"), name="one_partial_per_place"),
                ],
            },
        ),
    ]
