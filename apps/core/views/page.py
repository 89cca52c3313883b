"""The page for people: what they upload, and what they have."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any
from urllib.parse import urlencode

from django.conf import settings
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.http.response import HttpResponseBase
from django.middleware.csrf import get_token
from django.shortcuts import render, resolve_url
from django.urls import reverse
from django.utils.translation import get_language
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from ..conf import upload_settings
from ..http.problems import unauthenticated
from .api_base import bounded_body, problem_response
from .page_texts import page_texts

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
@never_cache
@login_required
def uploads_page(request: HttpRequest) -> HttpResponse:
    """Upload, watch, continue and download, for the user who is logged in."""
    return render(request, "resumable_uploads/uploads.html", {"page_data": _page_data(request)})


@bounded_body
@require_safe
@never_cache
def who_is_logged_in(request: HttpRequest) -> HttpResponse:
    """The user, and a CSRF token for their requests: for a page that was loaded before an earlier login ended.

    A problem with status 401 if it is nobody.
    """
    if not request.user.is_authenticated:
        return problem_response(unauthenticated("Session", "Nobody is logged in."))
    return JsonResponse({"user": _user(request), "csrfToken": get_token(request)})


def _page_data(request: HttpRequest) -> dict[str, Any]:
    limits = upload_settings()
    page = request.get_full_path()
    return {
        "apiUrl": reverse("resumable_uploads:list"),
        "whoUrl": reverse("uploads-who"),
        "loginUrl": f"{resolve_url(settings.LOGIN_URL)}?{urlencode({'next': page})}",
        "user": _user(request),
        "csrfToken": get_token(request),
        "language": get_language() or "en",
        "maxFileSize": limits.max_file_size,
        "types": {suffix: types[0] for suffix, types in limits.allowed_types.items()},
        "texts": page_texts(),
    }


def _user(request: HttpRequest) -> dict[str, str]:
    user = request.user
    return {"id": str(user.pk), "name": user.get_username()}
