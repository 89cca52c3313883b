"""System checks: ``manage.py check`` says what is wrong with the settings before an upload does."""

from __future__ import annotations

import os
import re
import sys
from dataclasses import fields
from typing import Any

from django.apps import apps
from django.conf import settings
from django.core.checks import CheckMessage, Error, Info, Warning, register
from django.db import connections
from django.utils.module_loading import import_string

from . import metrics
from .conf import KIB, PACKAGE, UploadSettings, upload_settings
from .store_checks import check_stores, smallest_chunk

JSON_SLACK = 4 * KIB
"""Room in a JSON chunk for everything but the data."""

MIDDLEWARE_FOR_CORS = f"{PACKAGE}.middleware.CorsMiddleware"
_ORIGIN = re.compile(r"\*|[a-z][a-z0-9+.-]*://[^/?#\s]+")

_POSITIVE = (
    "chunk_size",
    "min_chunk_size",
    "max_chunk_size",
    "max_chunks",
    "max_file_size",
    "session_ttl_hours",
    "session_max_age_hours",
    "record_retention_hours",
    "field_token_hours",
    "reference_hours",
    "claim_lease_seconds",
    "lease_seconds",
    "receive_timeout",
    "send_timeout",
    "max_downloads",
    "receive_buffer_bytes",
    "json_memory_bytes",
    "worker_threads",
    "max_ended_records",
)
_NOT_NEGATIVE = (
    "min_free_disk_bytes",
    "auth_cache_seconds",
    "complete_wait",
    "inline_assemble_bytes",
    "min_receive_rate",
    "moved_grace_seconds",
)


@register("resumable_uploads")
def check_settings(app_configs: Any, **kwargs: Any) -> list[CheckMessage]:
    """Types, ranges and unknown keys of ``RESUMABLE_UPLOADS``, and the Django settings it depends on."""
    given = getattr(settings, "RESUMABLE_UPLOADS", {})
    if not isinstance(given, dict):
        return [Error("RESUMABLE_UPLOADS must be a dict.", id="resumable_uploads.E001")]
    known = {field.name.upper() for field in fields(UploadSettings)}
    messages: list[CheckMessage] = [
        Error(f"RESUMABLE_UPLOADS has an unknown key {key!r}.", id="resumable_uploads.E002")
        for key in sorted(set(given) - known)
    ]
    limits = upload_settings()
    wrong = [
        Error(f"RESUMABLE_UPLOADS[{name.upper()!r}] must be a number greater than 0.", id="resumable_uploads.E003")
        for name in _POSITIVE
        if not isinstance(getattr(limits, name), int | float) or getattr(limits, name) <= 0
    ]
    wrong += [
        Error(f"RESUMABLE_UPLOADS[{name.upper()!r}] must be a number from 0 on.", id="resumable_uploads.E003")
        for name in _NOT_NEGATIVE
        if not isinstance(getattr(limits, name), int | float) or getattr(limits, name) < 0
    ]
    wrong += [
        Error(
            f"RESUMABLE_UPLOADS[{name.upper()!r}] must be None, or a number greater than 0.",
            id="resumable_uploads.E003",
        )
        for name in ("completed_term_hours", "unclaimed_term_hours")
        if (term := getattr(limits, name)) is not None and (not isinstance(term, int | float) or term <= 0)
    ]
    if wrong:
        return messages + wrong
    if limits.min_chunk_size > limits.max_chunk_size:
        messages.append(
            Error("RESUMABLE_UPLOADS['MIN_CHUNK_SIZE'] is greater than 'MAX_CHUNK_SIZE'.", id="resumable_uploads.E012")
        )
    return (
        messages
        + _check_quotas(limits)
        + _check_body_size(limits)
        + _check_types(limits)
        + _check_validators(limits)
        + _check_cors(limits)
        + check_stores(limits)
        + _check_sqlite()
        + _check_shared_cache()
        + _check_publish_to(limits)
        + _check_metrics()
        + _say_what_is_off()
    )


def _check_quotas(limits: UploadSettings) -> list[CheckMessage]:
    messages: list[CheckMessage] = []
    for name in ("max_open_sessions", "max_reserved_bytes", "max_stored_bytes", "max_stored_files"):
        value = getattr(limits, name)
        if callable(value) or (isinstance(value, int) and value > 0):
            continue
        try:
            found = isinstance(value, str) and callable(import_string(value))
        except ImportError:
            found = False
        if not found:
            messages.append(
                Error(
                    f"RESUMABLE_UPLOADS[{name.upper()!r}] must be a number greater than 0, or a callable that gets the "
                    "user, or its dotted path.",
                    id="resumable_uploads.E011",
                )
            )
    return messages


def _check_body_size(limits: UploadSettings) -> list[CheckMessage]:
    """JSON chunks need room. Where only the store wants chunks so large, raw ones do without."""
    allowed: int | None = settings.DATA_UPLOAD_MAX_MEMORY_SIZE
    if allowed is None:
        return []
    chunk_size = max(limits.chunk_size, smallest_chunk(limits))
    needed = _as_json(chunk_size)
    message = f"DATA_UPLOAD_MAX_MEMORY_SIZE is {allowed}: a chunk of {chunk_size} bytes as JSON needs {needed}."
    if allowed < _as_json(limits.chunk_size):
        hint = "Raise DATA_UPLOAD_MAX_MEMORY_SIZE, or lower RESUMABLE_UPLOADS['CHUNK_SIZE']."
        return [Error(message, hint=hint, id="resumable_uploads.E004")]
    if allowed < needed:
        hint = "Raise DATA_UPLOAD_MAX_MEMORY_SIZE, if chunks are to come as JSON; raw ones need no more."
        return [Warning(message, hint=hint, id="resumable_uploads.W021")]
    return []


def _as_json(chunk_size: int) -> int:
    """Bytes of a JSON body with a chunk of this size."""
    return chunk_size * 4 // 3 + JSON_SLACK


def _check_types(limits: UploadSettings) -> list[CheckMessage]:
    return [
        Error(
            f"RESUMABLE_UPLOADS['ALLOWED_TYPES'] has {suffix!r}: {types!r}.",
            hint="Keys are suffixes in lower case with their dot, values are non-empty sequences of MIME types.",
            id="resumable_uploads.E005",
        )
        for suffix, types in limits.allowed_types.items()
        if not (suffix.startswith(".") and suffix == suffix.lower() and types and isinstance(types, list | tuple))
    ]


def _check_validators(limits: UploadSettings) -> list[CheckMessage]:
    messages: list[CheckMessage] = []
    for path in limits.validators:
        try:
            import_string(path)
        except ImportError as error:
            messages.append(Error(f"RESUMABLE_UPLOADS['VALIDATORS']: {error}", id="resumable_uploads.E006"))
    return messages


def _check_cors(limits: UploadSettings) -> list[CheckMessage]:
    origins = limits.cors_allowed_origins
    if not isinstance(origins, list | tuple) or any(not _ORIGIN.fullmatch(str(origin)) for origin in origins):
        return [
            Error(
                f"RESUMABLE_UPLOADS['CORS_ALLOWED_ORIGINS'] is {origins!r}.",
                hint="Give a sequence of origins without a path, as 'https://app.example.com', or ('*',).",
                id="resumable_uploads.E007",
            )
        ]
    if origins and MIDDLEWARE_FOR_CORS not in settings.MIDDLEWARE:
        return [
            Warning(
                "RESUMABLE_UPLOADS['CORS_ALLOWED_ORIGINS'] has no effect on most of the API.",
                hint=f"Add {MIDDLEWARE_FOR_CORS!r} to MIDDLEWARE, early.",
                id="resumable_uploads.W002",
            )
        ]
    return []


def _check_publish_to(limits: UploadSettings) -> list[CheckMessage]:
    if not limits.publish_to or limits.publish_to in settings.STORAGES:
        return []
    return [
        Error(
            f"RESUMABLE_UPLOADS['PUBLISH_TO'] is {limits.publish_to!r}, which STORAGES does not have.",
            id="resumable_uploads.E013",
        )
    ]


_PRIVATE_CACHES = ("locmem.LocMemCache", "dummy.DummyCache")


def _check_shared_cache() -> list[CheckMessage]:
    backend = str(settings.CACHES.get("default", {}).get("BACKEND", ""))
    if settings.DEBUG or not backend.endswith(_PRIVATE_CACHES):
        return []
    return [
        Warning(
            "The default cache is not shared between processes: each counts the throttles for itself.",
            hint="Use Redis, Memcached, the database or files as CACHES['default'].",
            id="resumable_uploads.W003",
        )
    ]


def _check_metrics() -> list[CheckMessage]:
    shown = metrics.AVAILABLE and any(getattr(settings, name, False) for name in ("METRICS_TOKEN", "METRICS_OPEN"))
    if settings.DEBUG or not shown or os.environ.get("PROMETHEUS_MULTIPROC_DIR"):
        return []
    return [
        Warning(
            "PROMETHEUS_MULTIPROC_DIR is not set: with several server processes, metrics are those of one of them.",
            hint="Set it to an empty directory of the server's own, before the server starts.",
            id="resumable_uploads.W004",
        )
    ]


def _say_what_is_off() -> list[CheckMessage]:
    if sys.argv[1:2] != ["check"]:
        return []  # Every command runs the checks, and would say it again.
    parts = (
        ("I001", apps.is_installed("knox"), "tokens", "the command upload_token"),
        ("I002", apps.is_installed("drf_spectacular"), "openapi", "the OpenAPI schema"),
        ("I003", metrics.AVAILABLE, "metrics", "Prometheus metrics"),
    )
    return [
        Info(f"Off: {what}.", hint=f"Install the extra {extra!r}.", id=f"resumable_uploads.{number}")
        for number, is_on, extra, what in parts
        if not is_on
    ]


def _check_sqlite() -> list[CheckMessage]:
    for connection in connections.all():
        immediate = connection.settings_dict.get("OPTIONS", {}).get("transaction_mode") == "IMMEDIATE"
        if connection.vendor == "sqlite" and not immediate:
            return [
                Warning(
                    "SQLite transactions are not IMMEDIATE: parallel chunks can fail with 'database is locked'.",
                    hint='Set DATABASES["default"]["OPTIONS"]["transaction_mode"] = "IMMEDIATE".',
                    id="resumable_uploads.W001",
                )
            ]
    return []
