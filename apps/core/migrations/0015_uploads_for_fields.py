from typing import Any

from django.db import migrations, models


class Migration(migrations.Migration):
    """Uploads that are for a model's field: where they are published, and which row claimed them."""

    def __init__(self, name: str, app_label: str) -> None:
        super().__init__(name, app_label)
        self.dependencies = [(app_label, "0014_damaged_chunks")]  # type: ignore[misc]
        self.operations = _operations()  # type: ignore[misc]  # as Migration.__init__ does


def _operations() -> list[Any]:
    fields: dict[str, Any] = {
        "purpose": models.CharField(
            blank=True, default="", help_text="The model field that it is for: app.model.field.", max_length=200
        ),
        "max_size": models.PositiveBigIntegerField(help_text="Most bytes that its purpose allows.", null=True),
        "destination": models.CharField(
            blank=True, default="", help_text="Where it is published: see storage.destinations.", max_length=210
        ),
        "destination_name": models.CharField(
            blank=True, default="", help_text="Its name there, kept before the first byte is.", max_length=255
        ),
        "is_name_provisional": models.BooleanField(
            default=False, help_text="Whether its name can only be told once there is the row that claims it."
        ),
        "claim_token": models.UUIDField(help_text="Of the save that claimed its file for a model's row.", null=True),
        "claimed_at": models.DateTimeField(null=True),
        "claim_expires_at": models.DateTimeField(help_text="Until then the claim waits to be confirmed.", null=True),
        "claimed_pk": models.CharField(blank=True, default="", help_text="The row that has the file.", max_length=255),
        "moving_to": models.CharField(
            blank=True, default="", help_text="Its name to be, while it moves.", max_length=255
        ),
        "moved_from": models.CharField(
            blank=True, default="", help_text="Its name before, still there.", max_length=255
        ),
        "moved_at": models.DateTimeField(null=True),
    }
    return [
        *(migrations.AddField(model_name="uploadsession", name=name, field=field) for name, field in fields.items()),
        migrations.AddIndex(
            model_name="uploadsession",
            index=models.Index(fields=["claim_expires_at"], name="upload_claim_expires"),
        ),
    ]
