"""A Content-Security-Policy on every answer of a view that brings none of its own: the admin, the API docs, the login,
errors. Static files go without."""

from __future__ import annotations

from collections.abc import Callable

from django.conf import settings
from django.http import HttpRequest
from django.http.response import HttpResponseBase

from apps.core.views.page import CONTENT_SECURITY_POLICY

# The style sheets of Swagger and of the admin have images of their own in data: URLs.
POLICY = CONTENT_SECURITY_POLICY.replace("img-src 'self'", "img-src 'self' data:")


class ContentPolicyMiddleware:
    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self._get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        response = self._get_response(request)
        # Django's pages with tracebacks are made of inline styles and scripts; only loopback ever sees them.
        if not (settings.DEBUG and response.status_code >= 400):
            response.headers.setdefault("Content-Security-Policy", POLICY)
        return response
