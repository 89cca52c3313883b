from typing import Any

from django.db import migrations, models


class Migration(migrations.Migration):
    """Which machines serve these uploads, and what they must have in common."""

    def __init__(self, name: str, app_label: str) -> None:
        super().__init__(name, app_label)
        self.dependencies = [(app_label, "0016_object_stores")]  # type: ignore[misc]
        self.operations = _operations()  # type: ignore[misc]  # as Migration.__init__ does


def _operations() -> list[Any]:
    return [
        migrations.CreateModel(
            name="Node",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("name", models.CharField(max_length=255, unique=True)),
                ("seen_at", models.DateTimeField()),
                ("version", models.CharField(help_text="Of the app, and its newest migration.", max_length=100)),
                (
                    "secret_digest",
                    models.CharField(help_text="What tells one SECRET_KEY from another.", max_length=64),
                ),
                ("store_alias", models.CharField(help_text="Of the store for new uploads.", max_length=64)),
                ("store_identity", models.CharField(help_text="Of that store.", max_length=64)),
                (
                    "cache_token",
                    models.CharField(help_text="What others must find in the cache under its name.", max_length=32),
                ),
            ],
            options={"ordering": ("name",)},
        ),
    ]
