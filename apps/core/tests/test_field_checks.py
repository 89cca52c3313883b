"""What the system checks say of model fields and the project around them."""

from __future__ import annotations

from typing import Any

import pytest
from django.db import models

from apps.core.fields import ResumableFileField
from apps.core.fields.project_checks import MIDDLEWARE, check_project
from apps.core.http.current_user import CurrentUserMiddleware

pytestmark = pytest.mark.unit


class OwnMiddleware(CurrentUserMiddleware):
    """One that somebody has extended."""


def ids(model: Any) -> list[str | None]:
    return [message.id for message in model.check() if "resumable_uploads" in str(message.id)]


def model_with(**options: Any) -> Any:
    name = f"Checked{abs(hash(str(options)))}"
    file = ResumableFileField(**{"upload_to": "x", **options})
    digest = models.CharField(max_length=64)
    meta = type("Meta", (), {"app_label": "checked"})
    return type(name, (models.Model,), {"__module__": __name__, "Meta": meta, "file": file, "digest": digest})


def test_a_field_without_mistakes() -> None:
    assert ids(model_with(accept=["video/*"], max_size="1 GB", sha256_field="digest")) == []
    assert ids(model_with(accept="video/*, .mkv", max_length=17)) == []


@pytest.mark.parametrize(
    ("options", "found"),
    [
        ({"max_size": "1000 GB"}, "resumable_uploads.W010"),
        ({"accept": ["model/*"]}, "resumable_uploads.E020"),
        ({"accept": [".svg"], "replaces_allowed_types": True}, "resumable_uploads.W011"),
        ({"accept": ["text/html"], "replaces_allowed_types": True}, "resumable_uploads.W011"),
        ({"accept": ["model/*"], "replaces_allowed_types": True}, "resumable_uploads.E020"),
        ({"accept": ["video/*", "mkv"]}, "resumable_uploads.E022"),
        ({"accept": "video"}, "resumable_uploads.E022"),
        ({"max_length": 16}, "resumable_uploads.E023"),
        ({"max_length": 68, "upload_to": lambda instance, name: name}, "resumable_uploads.E023"),
        ({"upload_to": "uploads/files/%Y"}, "resumable_uploads.E024"),
        ({"sha256_field": "nothing"}, "resumable_uploads.E021"),
    ],
)
def test_a_mistake(options: dict[str, Any], found: str) -> None:
    assert ids(model_with(**options)) == [found]


def test_the_middleware_is_missed(settings: Any) -> None:
    settings.MIDDLEWARE = [MIDDLEWARE]
    assert check_project(None) == []
    settings.MIDDLEWARE = [f"{__name__}.OwnMiddleware"]
    assert check_project(None) == []
    settings.MIDDLEWARE = ["django.middleware.common.CommonMiddleware"]
    assert [message.id for message in check_project(None)] == ["resumable_uploads.W005"]


def test_the_urls_are_missed(settings: Any) -> None:
    settings.MIDDLEWARE = [MIDDLEWARE]
    settings.ROOT_URLCONF = "apps.core.urls_operations"
    assert [message.id for message in check_project(None)] == ["resumable_uploads.E014"]


def test_authentication_by_the_session_is_missed(settings: Any) -> None:
    settings.MIDDLEWARE = [MIDDLEWARE]
    settings.REST_FRAMEWORK = {"DEFAULT_AUTHENTICATION_CLASSES": ["knox.auth.TokenAuthentication"]}
    assert [message.id for message in check_project(None)] == ["resumable_uploads.W006"]


def test_sizes_that_are_none_are_told_at_once() -> None:
    with pytest.raises(ValueError, match="is no size"):
        ResumableFileField(max_size="a lot")
