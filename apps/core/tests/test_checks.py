from __future__ import annotations

import sys
from typing import Any

import pytest
from django.core.checks import run_checks

from apps.core import metrics
from apps.core.fields.project_checks import MIDDLEWARE

pytestmark = pytest.mark.unit


@pytest.fixture(autouse=True)
def _shared(settings: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """As an operator has it: a cache and metrics that processes share."""
    settings.CACHES = {"default": {"BACKEND": "django.core.cache.backends.filebased.FileBasedCache", "LOCATION": "/"}}
    monkeypatch.setenv("PROMETHEUS_MULTIPROC_DIR", "/")


def ids() -> set[str | None]:
    return {message.id for message in run_checks(tags=["resumable_uploads"])}


def test_the_defaults_are_in_order() -> None:
    assert ids() == set()


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ({"CHUNKSIZE": 1}, "resumable_uploads.E002"),
        ({"CHUNK_SIZE": 0}, "resumable_uploads.E003"),
        ({"CHUNK_SIZE": "1 MiB"}, "resumable_uploads.E003"),
        ({"CHUNK_SIZE": 64 * 2**20}, "resumable_uploads.E004"),
        ({"ALLOWED_TYPES": {"jpg": ("image/jpeg",)}}, "resumable_uploads.E005"),
        ({"ALLOWED_TYPES": {".jpg": "image/jpeg"}}, "resumable_uploads.E005"),
        ({"VALIDATORS": ("no.such.validator",)}, "resumable_uploads.E006"),
        ({"CORS_ALLOWED_ORIGINS": "https://app.example.com"}, "resumable_uploads.E007"),
        ({"CORS_ALLOWED_ORIGINS": ("https://app.example.com/",)}, "resumable_uploads.E007"),
        ({"CORS_ALLOWED_ORIGINS": ("app.example.com",)}, "resumable_uploads.E007"),
        ({"COMPLETED_TERM_HOURS": 0}, "resumable_uploads.E003"),
        ({"COMPLETE_WAIT": -1}, "resumable_uploads.E003"),
        ({"MIN_CHUNK_SIZE": 2**27}, "resumable_uploads.E012"),
        ({"STORE": "elsewhere"}, "resumable_uploads.E008"),
        ({"STORES": {"default": {"BACKEND": "no.such.Store"}}}, "resumable_uploads.E009"),
        ({"STORES": {"default": {}}}, "resumable_uploads.E009"),
        ({"MAX_STORED_BYTES": 0}, "resumable_uploads.E011"),
        ({"MAX_STORED_BYTES": "no.such.quota"}, "resumable_uploads.E011"),
        ({"MAX_OPEN_SESSIONS": 1.5}, "resumable_uploads.E011"),
    ],
)
def test_what_is_wrong_is_named(uploads: Any, values: Any, expected: str) -> None:
    uploads(**values)
    assert ids() == {expected}


def test_settings_that_are_no_dict_are_an_error(settings: Any) -> None:
    settings.RESUMABLE_UPLOADS = {}
    settings.RESUMABLE_UPLOADS = []
    assert ids() == {"resumable_uploads.E001"}


def test_djangos_own_limit_must_fit_a_json_chunk(settings: Any) -> None:
    settings.DATA_UPLOAD_MAX_MEMORY_SIZE = 1024 * 1024
    assert ids() == {"resumable_uploads.E004"}


def test_origins_without_the_middleware_are_warned_of(uploads: Any, settings: Any) -> None:
    uploads(CORS_ALLOWED_ORIGINS=("https://app.example.com", "*"))
    assert ids() == set()
    settings.MIDDLEWARE = [MIDDLEWARE]
    assert ids() == {"resumable_uploads.W002"}


def test_a_store_without_a_place_is_an_error(settings: Any, uploads: Any, tmp_path: Any) -> None:
    settings.MEDIA_ROOT = ""
    assert ids() == {"resumable_uploads.E010"}
    uploads(ROOT=tmp_path)
    assert ids() == set()


@pytest.mark.parametrize("backend", ["locmem.LocMemCache", "dummy.DummyCache"])
def test_a_cache_that_is_not_shared_is_warned_of(settings: Any, backend: str) -> None:
    settings.CACHES = {"default": {"BACKEND": f"django.core.cache.backends.{backend}"}}
    assert ids() == {"resumable_uploads.W003"}
    settings.DEBUG = True
    assert ids() == set()


def test_metrics_of_one_process_are_warned_of(settings: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("PROMETHEUS_MULTIPROC_DIR")
    assert ids() == set()
    settings.METRICS_OPEN = True
    assert ids() == {"resumable_uploads.W004"}
    settings.DEBUG = True
    assert ids() == set()


def test_what_is_not_installed_is_said_to_be_off(settings: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(metrics, "AVAILABLE", False)
    monkeypatch.setattr(sys, "argv", ["manage.py", "check"])
    settings.INSTALLED_APPS = [app for app in settings.INSTALLED_APPS if app not in ("knox", "drf_spectacular")]
    hints = [str(message.hint) for message in run_checks(tags=["resumable_uploads"])]
    assert [extra for extra in ("tokens", "openapi", "metrics") if f"Install the extra '{extra}'." in hints] == [
        "tokens",
        "openapi",
        "metrics",
    ]


def test_quotas_may_be_callables(uploads: Any) -> None:
    uploads(MAX_STORED_BYTES="builtins.len", MAX_OPEN_SESSIONS=len)
    assert ids() == set()
