"""Pages of other origins: which may use the API, and what their browsers are told (CORS protocol, Fetch standard 3.3).

Answers of protocols get their headers from the exchange, since under ASGI they never reach Django's middleware;
everything else, preflights included, from :class:`CorsMiddleware`.
"""

from __future__ import annotations

from collections.abc import Callable

from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.urls import Resolver404, resolve
from django.utils.cache import patch_vary_headers

from ..conf import upload_settings

ANY = "*"
METHODS = "GET, HEAD, POST, PUT"
REQUEST_HEADERS = "Authorization, Content-Digest, Content-Type, If-Range, Range, X-CSRFToken, X-Request-ID"
EXPOSED_HEADERS = "Content-Disposition, Content-Range, ETag, Retry-After, X-Request-ID"
PREFLIGHT_SECONDS = 7200
"""Browsers keep a preflight's answer for at most so long."""


def cors_headers(request: HttpRequest) -> dict[str, str]:
    """What lets a page of the request's origin read the answer; nothing if it may not."""
    origin = request.headers.get("Origin")
    allowed = upload_settings().cors_allowed_origins
    if origin is None or not allowed:
        return {}
    if ANY in allowed:
        return {"Access-Control-Allow-Origin": ANY, "Access-Control-Expose-Headers": EXPOSED_HEADERS}
    if origin not in allowed:
        return {"Vary": "Origin"}
    return {
        "Access-Control-Allow-Origin": origin,
        "Access-Control-Allow-Credentials": "true",
        "Access-Control-Expose-Headers": EXPOSED_HEADERS,
        "Vary": "Origin",
    }


class CorsMiddleware:
    """Answers preflights for the upload API, and tells browsers who may read its answers."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self._get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        headers = cors_headers(request)
        if not headers or not _is_upload_api(request):
            return self._get_response(request)
        if request.method == "OPTIONS" and "Access-Control-Request-Method" in request.headers:
            response: HttpResponseBase = _preflight()
        else:
            response = self._get_response(request)
        if headers.pop("Vary", None):
            patch_vary_headers(response, ["Origin"])
        for name, value in headers.items():
            response[name] = value
        return response


def _preflight() -> HttpResponse:
    return HttpResponse(
        status=204,
        headers={
            "Access-Control-Allow-Methods": METHODS,
            "Access-Control-Allow-Headers": REQUEST_HEADERS,
            "Access-Control-Max-Age": str(PREFLIGHT_SECONDS),
        },
    )


def _is_upload_api(request: HttpRequest) -> bool:
    try:
        return resolve(request.path_info).app_name == "resumable_uploads"
    except Resolver404:
        return False
