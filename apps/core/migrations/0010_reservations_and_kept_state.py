from typing import Any

from django.db import migrations, models
from django.db.models import F
from django.db.models.functions import Coalesce


class Migration(migrations.Migration):
    """What a session has reserved of its owner's quota stands in its row; a kept part keeps its running hash."""

    def __init__(self, name: str, app_label: str) -> None:
        super().__init__(name, app_label)
        self.dependencies = [(app_label, "0009_add_upload_session_model")]  # type: ignore[misc]
        self.operations = _operations(app_label)  # type: ignore[misc]  # as Migration.__init__ does


def _operations(app_label: str) -> list[Any]:
    def fill_reserved_bytes(apps: Any, schema_editor: Any) -> None:
        sessions = apps.get_model(app_label, "UploadSession").objects.using(schema_editor.connection.alias)
        reserved = Coalesce(F("total_size"), F("received_bytes"))
        sessions.filter(status__in=("active", "assembling")).update(reserved_bytes=reserved)

    return [
        migrations.AddField(
            model_name="uploadsession",
            name="reserved_bytes",
            field=models.PositiveBigIntegerField(
                default=0,
                help_text="What an open upload has reserved of its owner's quota: up to which byte it may grow.",
            ),
        ),
        migrations.AddField(
            model_name="uploadsession",
            name="spooled_bytes",
            field=models.PositiveBigIntegerField(
                default=0, help_text="Reserved besides, for second senders of a chunk whose bytes lie beside it."
            ),
        ),
        migrations.AddField(
            model_name="uploadsession",
            name="partial_state",
            field=models.BinaryField(
                default=b"", max_length=128, help_text="Running hash of the kept part, worth something in its boot."
            ),
        ),
        migrations.AddField(
            model_name="ownerusage",
            name="init_window",
            field=models.PositiveBigIntegerField(default=0, help_text="The period in which init_count was counted."),
        ),
        migrations.AddField(
            model_name="ownerusage",
            name="init_count",
            field=models.PositiveIntegerField(default=0, help_text="Sessions begun in that period."),
        ),
        migrations.RunPython(fill_reserved_bytes, migrations.RunPython.noop),
    ]
