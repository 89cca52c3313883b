from typing import Any

from django.db import migrations, models


class Migration(migrations.Migration):
    """How many chunks had to be sent again because they were damaged."""

    def __init__(self, name: str, app_label: str) -> None:
        super().__init__(name, app_label)
        self.dependencies = [(app_label, "0013_composite_hash")]  # type: ignore[misc]
        self.operations = _operations()  # type: ignore[misc]  # as Migration.__init__ does


def _operations() -> list[Any]:
    return [
        migrations.AddField(
            model_name="uploadsession",
            name="damaged_chunks",
            field=models.PositiveIntegerField(
                default=0,
                help_text="Chunks that arrived damaged, or were found so in the store, and had to be sent again.",
            ),
        ),
    ]
