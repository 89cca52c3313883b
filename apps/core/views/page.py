"""The page for people: what they upload, and what they have."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any

from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import render
from django.views.decorators.http import require_safe

from .api_base import bounded_body

# Nothing inline and nothing from elsewhere; thumbnails are blobs of the page's own.
CONTENT_SECURITY_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob:; connect-src 'self'; "
    "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)

View = Callable[..., HttpResponseBase]


def strict_csp(view: View) -> View:
    """Answer with :data:`CONTENT_SECURITY_POLICY`."""

    @wraps(view)
    def with_policy(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        response = view(request, *args, **kwargs)
        response.headers["Content-Security-Policy"] = CONTENT_SECURITY_POLICY
        return response

    return with_policy


@bounded_body
@strict_csp
@require_safe
@login_required
def uploads_page(request: HttpRequest) -> HttpResponse:
    """Upload, watch, continue and download, for the user who is logged in."""
    return render(request, "resumable_uploads/uploads.html")
