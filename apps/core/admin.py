"""The admin of sessions: to look, to cancel, to expire and to remove; nothing else changes here."""

from __future__ import annotations

from typing import Any

from django.contrib import admin, messages
from django.contrib.auth import get_user_model
from django.db.models import QuerySet
from django.http import HttpRequest
from django.template.defaultfilters import filesizeformat
from django.utils.html import format_html

from .models import OwnerUsage, UploadSession
from .services import removal

# Whatever a project's user model calls it.
_OWNER_NAME = f"owner__{get_user_model().USERNAME_FIELD}"


class _ReadOnlyAdmin(admin.ModelAdmin):  # type: ignore[type-arg]
    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> list[str]:
        return [field.name for field in self.model._meta.fields]


@admin.register(UploadSession)
class UploadSessionAdmin(_ReadOnlyAdmin):
    list_display = ("filename", "status", "owner", "size", "progress", "created_at", "expires_at", "upload_id")
    list_filter = ("status", "created_at", "mime_type")
    search_fields = ("=upload_id", "filename", "=file_hash", "=sha256", _OWNER_NAME)
    search_help_text = "Name, upload id, SHA-256 or user name"
    list_select_related = ("owner",)
    list_per_page = 50
    date_hierarchy = "created_at"
    actions = ("cancel_uploads", "expire_uploads")
    exclude = ("append_token", "lease_token", "dedupe_key")

    @admin.display(description="size", ordering="total_size")
    def size(self, session: UploadSession) -> str:
        return "unknown" if session.total_size is None else filesizeformat(session.total_size)

    @admin.display(description="progress")
    def progress(self, session: UploadSession) -> str:
        percentage = session.progress_percentage
        return format_html(
            '<progress value="{}" max="100" aria-label="{}%"></progress> {}%', percentage, percentage, percentage
        )

    @admin.action(description="Cancel selected active uploads and remove their bytes", permissions=["change"])
    def cancel_uploads(self, request: HttpRequest, rows: QuerySet[UploadSession]) -> None:
        self._end(request, [session for session in rows if removal.cancel(session)], "Cancelled")

    @admin.action(description="Expire selected active uploads and remove their bytes", permissions=["change"])
    def expire_uploads(self, request: HttpRequest, rows: QuerySet[UploadSession]) -> None:
        self._end(request, [session for session in rows if removal.expire(session)], "Expired")

    def get_deleted_objects(self, objs: Any, request: HttpRequest) -> Any:
        """What the confirmation page shows: the uploads, and not each of their thousands of receipts."""
        names = [f"{session.filename} ({session.upload_id}), {self.size(session)}" for session in objs]
        return names, {self.opts.verbose_name_plural: len(names)}, set(), []

    def delete_model(self, request: HttpRequest, obj: UploadSession) -> None:
        removal.remove(obj)

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[UploadSession]) -> None:
        for session in queryset:
            removal.remove(session)

    def _end(self, request: HttpRequest, ended: list[UploadSession], what: str) -> None:
        self.message_user(request, f"{what} {len(ended)} uploads.", messages.SUCCESS)


@admin.register(OwnerUsage)
class OwnerUsageAdmin(_ReadOnlyAdmin):
    list_display = ("owner", "open_sessions", "reserved_bytes", "stored_bytes", "stored_files")
    search_fields = (_OWNER_NAME,)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False
