from django.apps import AppConfig
from django.db.models.signals import post_delete


class CoreConfig(AppConfig):
    """Resumable, verified, parallel uploads."""

    name = __name__.rpartition(".")[0]
    label = name.rpartition(".")[2]
    verbose_name = "Resumable uploads"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        from . import checks  # noqa: F401  # registers the system checks
        from .models import UploadSession
        from .services.removal import on_row_deleted

        post_delete.connect(on_row_deleted, sender=UploadSession)
