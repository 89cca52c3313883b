"""The admin of sessions: to look, to cancel, to expire and to remove; nothing else changes here."""

from __future__ import annotations

import json
from typing import Any

from django.contrib import admin, messages
from django.contrib.auth import get_user_model
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.urls import NoReverseMatch
from django.utils import timezone
from django.utils.html import format_html
from django.utils.text import capfirst
from rest_framework.authentication import SessionAuthentication

from .models import OwnerUsage, UploadSession
from .services import removal
from .services.principal import Principal
from .units import decimal_size
from .views.resumable_upload_views import UploadFileView

# Whatever a project's user model calls it.
_OWNER_NAME = f"owner__{get_user_model().USERNAME_FIELD}"

_NOTHING = "-"


class _ReadOnlyAdmin(admin.ModelAdmin):  # type: ignore[type-arg]
    """Pages that show what the fieldsets name, and nothing of a model that they do not: some fields are secrets."""

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> list[str]:
        shown: list[str] = []
        for _, options in self.fieldsets or ():
            for entry in options["fields"]:
                shown += [entry] if isinstance(entry, str) else entry
        return shown

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        title = capfirst(self.opts.verbose_name_plural)
        return super().changelist_view(request, {"title": title, **(extra_context or {})})

    def change_view(
        self,
        request: HttpRequest,
        object_id: str,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        """The page of one row. Whoever may change rows, which the actions ask for, can save none all the same."""
        if request.method == "POST":
            # Saving writes every column back as it was read, over what uploads wrote meanwhile.
            raise PermissionDenied
        context = {
            "title": capfirst(self.opts.verbose_name),
            "show_save": False,
            "show_save_and_continue": False,
            "show_save_and_add_another": False,
            "show_save_as_new": False,
            **(extra_context or {}),
        }
        return super().change_view(request, object_id, form_url, context)


def _size_of(name: str, description: str | None = None) -> Any:
    """A column of bytes, in units."""

    @admin.display(description=description or name.replace("_", " "), ordering=name)
    def size(self: Any, row: Any) -> str:
        return decimal_size(getattr(row, name))

    return size


def _code_of(name: str, description: str) -> Any:
    """A column of hexadecimal digits."""

    @admin.display(description=description)
    def code(self: Any, row: Any) -> str:
        text = getattr(row, name)
        return format_html("<code>{}</code>", text) if text else _NOTHING

    return code


@admin.register(UploadSession)
class UploadSessionAdmin(_ReadOnlyAdmin):
    list_display = ("filename", "status", "owner", "size", "progress", "created")
    list_filter = ("status", "created_at", "mime_type")
    search_fields = ("=upload_id", "filename", "=file_hash", "=sha256", _OWNER_NAME)
    search_help_text = "Name, upload id, SHA-256 or user name"
    list_select_related = ("owner",)
    list_per_page = 50
    date_hierarchy = "created_at"
    actions = ("cancel_uploads", "expire_uploads")
    fieldsets = (
        ("File", {"fields": ("filename", "mime_type", "size", "stored_file", "own_metadata")}),
        ("Progress", {"fields": ("status", "progress", "received", "chunks", "damaged_chunks", "error")}),
        ("Verification", {"fields": ("declared_sha256", "verified_sha256", "composite_sha256", "assembled")}),
        ("Times", {"fields": ("created_at", "updated_at", "expires_at", "ended_at")}),
        ("Owner and protocol", {"fields": ("owner", "upload_id", "concat", "raw_concat", "raw_metadata")}),
        (
            "Internals",
            {
                "classes": ("collapse",),
                "fields": (
                    "store",
                    "store_handle",
                    "reserved",
                    "spooled",
                    "counted",
                    "contiguous_chunks",
                    "chunks_end",
                    "end_index",
                    "partial_index",
                    "partial",
                    "is_append_closed",
                    "lease_expires_at",
                    "announcing_at",
                    "announced_at",
                ),
            },
        ),
    )

    declared_sha256 = _code_of("file_hash", "declared SHA-256")
    verified_sha256 = _code_of("sha256", "verified SHA-256")
    composite_sha256 = _code_of("composite_hash", "composite SHA-256")
    reserved = _size_of("reserved_bytes", "reserved")
    spooled = _size_of("spooled_bytes", "reserved for second senders")
    counted = _size_of("counted_bytes", "counted as stored")
    partial = _size_of("partial_size", "kept of the chunk at partial index")

    def get_object(self, request: HttpRequest, object_id: str, from_field: str | None = None) -> UploadSession | None:
        session: UploadSession | None = super().get_object(request, object_id, from_field)
        if session is not None:
            # What stored_file shows depends on who looks, and it is given the row alone.
            session.download_url = _download_url(request, session)  # type: ignore[attr-defined]
        return session

    @admin.display(description="size", ordering="total_size")
    def size(self, session: UploadSession) -> str:
        return "unknown" if session.total_size is None else decimal_size(session.total_size)

    @admin.display(description="progress")
    def progress(self, session: UploadSession) -> str:
        percentage = session.progress_percentage
        return format_html(
            '<progress value="{}" max="100" aria-label="{}%"></progress> {}%', percentage, percentage, f"{percentage:g}"
        )

    @admin.display(description="created", ordering="created_at")
    def created(self, session: UploadSession) -> str:
        """Shorter than Django writes a time, so that the list has room."""
        return f"{timezone.localtime(session.created_at):%Y-%m-%d %H:%M}"

    @admin.display(description="received")
    def received(self, session: UploadSession) -> str:
        return f"{decimal_size(session.received_bytes)} of {self.size(session)}"

    @admin.display(description="chunks")
    def chunks(self, session: UploadSession) -> str:
        total = "unknown" if session.total_chunks is None else session.total_chunks
        return f"{session.received_chunks} of {total}, {decimal_size(session.chunk_size)} each"

    @admin.display(description="verified so far")
    def assembled(self, session: UploadSession) -> str:
        if session.status == UploadSession.Status.COMPLETED:
            return "all of it"
        return f"{decimal_size(session.assembled_bytes)} of {self.size(session)}"

    @admin.display(description="error")
    def error(self, session: UploadSession) -> str:
        return f"{session.error_detail} ({session.error_code})" if session.error_code else _NOTHING

    @admin.display(description="metadata")
    def own_metadata(self, session: UploadSession) -> str:
        if not session.metadata:
            return _NOTHING
        return format_html("<code>{}</code>", json.dumps(session.metadata, ensure_ascii=False))

    @admin.display(description="file")
    def stored_file(self, session: UploadSession) -> str:
        """A link for whoever may download it, which is its owner alone."""
        if not session.file:
            return "not stored yet" if session.status in UploadSession.OPEN else _NOTHING
        url = getattr(session, "download_url", None)
        if url is None:
            return f"{session.file.name} (only its owner may download it)"
        return format_html('{} <a href="{}">Download</a>', session.file.name, url)

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
        many = "upload" if len(ended) == 1 else "uploads"
        self.message_user(request, f"{what} {len(ended)} {many}.", messages.SUCCESS)


def _download_url(request: HttpRequest, session: UploadSession) -> str | None:
    """Where the user of this request can download the file, being logged in by a cookie."""
    by_cookie = any(issubclass(kind, SessionAuthentication) for kind in UploadFileView.authentication_classes)
    if not by_cookie or not session.file or Principal.owning(session) != Principal.of(request.user):
        return None
    try:
        return session.file.url
    except NoReverseMatch:  # The project does not serve the API.
        return None


@admin.register(OwnerUsage)
class OwnerUsageAdmin(_ReadOnlyAdmin):
    list_display = ("owner", "open_sessions", "reserved", "stored", "stored_files")
    list_select_related = ("owner",)
    search_fields = (_OWNER_NAME,)
    fieldsets = (
        (None, {"fields": ("owner",)}),
        ("Open uploads", {"fields": ("open_sessions", "reserved")}),
        ("Stored files", {"fields": ("stored_files", "stored")}),
        ("Internals", {"classes": ("collapse",), "fields": ("init_window", "init_count")}),
    )

    reserved = _size_of("reserved_bytes", "reserved")
    stored = _size_of("stored_bytes", "stored")

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False
