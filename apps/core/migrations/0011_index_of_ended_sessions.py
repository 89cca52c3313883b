from django.db import migrations, models


class Migration(migrations.Migration):
    """What an owner has by state, for the bounds on the number of it."""

    def __init__(self, name: str, app_label: str) -> None:
        super().__init__(name, app_label)
        self.dependencies = [(app_label, "0010_reservations_and_kept_state")]  # type: ignore[misc]
        self.operations = [  # type: ignore[misc]  # as Migration.__init__ does
            migrations.AddIndex(
                model_name="uploadsession",
                index=models.Index(fields=["owner", "status", "ended_at"], name="upload_owner_ended"),
            )
        ]
