"""Bodies of forms: kilobytes. Under ASGI larger ones are refused before Django; this does it under WSGI.

There a body is read when a view, or the CSRF middleware, asks for it; files in it would be spooled to disk.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.http import HttpRequest
from django.http.response import HttpResponseBase

from apps.core.http.problems import body_too_large
from apps.core.http.small_bodies import MOST_DIGITS
from apps.core.views.api_base import problem_response

BODY_LIMIT = 64 * 1024
"""Bytes, for views that set no limit of their own."""


class BodyLimitMiddleware:
    """Stands before all middleware that reads bodies."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self._get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        return self._get_response(request)

    def process_view(self, request: HttpRequest, view: Any, args: Any, kwargs: Any) -> HttpResponseBase | None:
        if hasattr(view, "upload_protocol"):
            return None
        limit = getattr(view, "body_limit", BODY_LIMIT)
        length = request.META.get("CONTENT_LENGTH") or "0"
        is_too_large = length.isdigit() and int(length[:MOST_DIGITS]) > limit
        return problem_response(body_too_large(limit)) if is_too_large else None
