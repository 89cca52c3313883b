from django.apps import AppConfig


class UploadsConfig(AppConfig):
    """Resumable, verified, parallel uploads."""

    name = __name__.rpartition(".")[0]
    label = name.rpartition(".")[2]
    verbose_name = "Resumable uploads"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        from .startup import ready

        ready()
