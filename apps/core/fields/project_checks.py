"""System checks: what model fields with resumable uploads need of the project around them."""

from __future__ import annotations

from typing import Any

from django.apps import apps
from django.conf import settings
from django.core.checks import CheckMessage, Error, Warning, register
from django.urls import NoReverseMatch, reverse
from django.utils.module_loading import import_string
from rest_framework.authentication import SessionAuthentication
from rest_framework.settings import api_settings

from ..conf import PACKAGE
from ..http.current_user import CurrentUserMiddleware

MIDDLEWARE = f"{PACKAGE}.middleware.CurrentUserMiddleware"


@register("resumable_uploads")
def check_project(app_configs: Any, **kwargs: Any) -> list[CheckMessage]:
    """The middleware and the URLs, if any model has such a field."""
    fields = (field for model in apps.get_models() for field in model._meta.get_fields())
    if not any(getattr(field, "takes_uploads", False) for field in fields):
        return []
    return [*_check_middleware(), *_check_urls(), *_check_authentication()]


def _check_middleware() -> list[CheckMessage]:
    if any(_is_ours(path) for path in settings.MIDDLEWARE):
        return []
    return [
        Warning(
            "Forms do not know who sent them, and refuse every uploaded file.",
            hint=f"Add {MIDDLEWARE!r} to MIDDLEWARE, behind AuthenticationMiddleware.",
            id="resumable_uploads.W005",
        )
    ]


def _is_ours(path: str) -> bool:
    middleware = import_string(path)
    return isinstance(middleware, type) and issubclass(middleware, CurrentUserMiddleware)


def _check_urls() -> list[CheckMessage]:
    try:
        reverse("resumable_uploads:init")
    except NoReverseMatch:
        return [
            Error(
                "There is a ResumableFileField, but nowhere to upload its files to.",
                hint=f"Add path('api/v1/upload/', include('{PACKAGE}.urls_resumable_uploads')) to the URLs.",
                id="resumable_uploads.E014",
            )
        ]
    return []


def _check_authentication() -> list[CheckMessage]:
    classes: Any = api_settings.DEFAULT_AUTHENTICATION_CLASSES
    if any(issubclass(each, SessionAuthentication) for each in classes):
        return []
    return [
        Warning(
            "Forms upload with the session cookie, which no default authentication class takes.",
            hint="Add 'rest_framework.authentication.SessionAuthentication' to DEFAULT_AUTHENTICATION_CLASSES.",
            id="resumable_uploads.W006",
        )
    ]
