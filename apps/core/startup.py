"""What the app does once all models are loaded; ``AppConfig.ready`` calls it."""

from __future__ import annotations

from django.apps import apps
from django.db.models.signals import post_delete, pre_delete


def ready() -> None:
    """Register the system checks, follow deleted rows, and describe the API where drf-spectacular is installed."""
    from . import checks  # noqa: F401
    from .fields import (
        project_checks,  # noqa: F401
        saving,
        serializers,
    )
    from .models import UploadSession
    from .services.removal import before_row_deleted, on_row_deleted

    saving.connect()
    serializers.connect()
    pre_delete.connect(before_row_deleted, sender=UploadSession, dispatch_uid="resumable_uploads")
    post_delete.connect(on_row_deleted, sender=UploadSession, dispatch_uid="resumable_uploads")
    if apps.is_installed("drf_spectacular"):
        from . import openapi  # noqa: F401
