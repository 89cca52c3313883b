from typing import Any

from django.db import migrations, models
from django.db.models import Count


class Migration(migrations.Migration):
    """How many files an owner has, and an index for the bound on records of ended sessions."""

    def __init__(self, name: str, app_label: str) -> None:
        super().__init__(name, app_label)
        self.dependencies = [(app_label, "0010_reservations_and_kept_state")]  # type: ignore[misc]
        self.operations = _operations(app_label)  # type: ignore[misc]  # as Migration.__init__ does


def _operations(app_label: str) -> list[Any]:
    def count_files(apps: Any, schema_editor: Any) -> None:
        alias = schema_editor.connection.alias
        completed = apps.get_model(app_label, "UploadSession").objects.using(alias).filter(status="completed")
        usages = apps.get_model(app_label, "OwnerUsage").objects.using(alias)
        for owner_id, files in completed.order_by().values_list("owner_id").annotate(Count("pk")):
            usages.filter(owner_id=owner_id).update(stored_files=files)

    return [
        migrations.AddField(
            model_name="ownerusage",
            name="stored_files",
            field=models.PositiveBigIntegerField(default=0, help_text="Completed uploads."),
        ),
        migrations.RunPython(count_files, migrations.RunPython.noop),
        migrations.AddIndex(
            model_name="uploadsession",
            index=models.Index(fields=["owner", "status", "ended_at"], name="upload_owner_ended"),
        ),
    ]
