from __future__ import annotations

from typing import Any

import pytest
from django.core.checks import run_checks

pytestmark = pytest.mark.unit


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
    settings.MIDDLEWARE = []
    assert ids() == {"resumable_uploads.W002"}
