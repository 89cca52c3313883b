from typing import Any

from django.db import migrations, models


class Migration(migrations.Migration):
    """One digest over all chunks, and how far verifying them got."""

    def __init__(self, name: str, app_label: str) -> None:
        super().__init__(name, app_label)
        self.dependencies = [(app_label, "0012_sequential_protocols")]  # type: ignore[misc]
        self.operations = _operations()  # type: ignore[misc]  # as Migration.__init__ does


def _operations() -> list[Any]:
    return [
        migrations.AddField(
            model_name="uploadsession",
            name="composite_hash",
            field=models.CharField(
                blank=True, default="", help_text="SHA-256 of all chunks' SHA-256, and their number.", max_length=80
            ),
        ),
        migrations.AddField(
            model_name="uploadsession",
            name="assembled_state",
            field=models.BinaryField(
                default=b"", help_text="Running hash of those bytes, worth something in its boot.", max_length=128
            ),
        ),
        migrations.AlterField(
            model_name="uploadsession",
            name="assembled_bytes",
            field=models.PositiveBigIntegerField(default=0, help_text="Verified so far, from the first on."),
        ),
        migrations.AlterField(
            model_name="uploadsession",
            name="sha256",
            field=models.CharField(
                blank=True,
                help_text="SHA-256 of the stored file, verified at completion; empty if left out.",
                max_length=64,
            ),
        ),
    ]
