from django.apps import AppConfig


class CoreConfig(AppConfig):
    """Resumable, verified, parallel uploads."""

    name = __name__.rpartition(".")[0]
    label = "core"
    verbose_name = "Resumable uploads"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        from . import checks  # noqa: F401  # registers the system checks
