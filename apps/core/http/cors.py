"""Pages of other origins: which may use the API, and what their browsers are told (CORS protocol, Fetch standard 3.3).

Answers of protocols get their headers, and their preflights an answer, from the exchange, since under ASGI they never
reach Django's middleware; everything else of the API from :class:`CorsMiddleware`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.utils.cache import patch_vary_headers

from ..conf import upload_settings
from .protocol import CorsNeeds
from .routing import protocol_of, resolve_path

ANY = "*"
PREFLIGHT_SECONDS = 7200
"""Browsers keep a preflight's answer for at most so long."""

_REQUEST_HEADERS = frozenset({"Authorization", "Content-Type", "X-CSRFToken", "X-Request-ID"})
_EXPOSED_HEADERS = frozenset({"Retry-After", "X-Request-ID"})

JSON_METHODS = frozenset({"DELETE", "GET", "HEAD", "POST"})
JSON_NEEDS = CorsNeeds(
    request_headers=frozenset({"If-Range", "Range"}),
    exposed_headers=frozenset({"Content-Disposition", "Content-Range", "ETag"}),
)


def cors_headers(request: HttpRequest, needs: CorsNeeds) -> dict[str, str]:
    """What lets a page of the request's origin read the answer; nothing if it may not."""
    origin = request.headers.get("Origin")
    allowed = upload_settings().cors_allowed_origins
    if origin is None or not allowed:
        return {}
    exposed = {"Access-Control-Expose-Headers": _listed(_EXPOSED_HEADERS | needs.exposed_headers)}
    if ANY in allowed:
        return {"Access-Control-Allow-Origin": ANY, **exposed}
    if origin not in allowed:
        return {"Vary": "Origin"}
    return {
        "Access-Control-Allow-Origin": origin,
        "Access-Control-Allow-Credentials": "true",
        "Vary": "Origin",
        **exposed,
    }


def is_preflight(request: HttpRequest) -> bool:
    """Whether a browser asks what a page of an allowed origin may send."""
    return (
        request.method == "OPTIONS"
        and "Access-Control-Request-Method" in request.headers
        and "Access-Control-Allow-Origin" in cors_headers(request, CorsNeeds())
    )


def preflight_headers(methods: Iterable[str], needs: CorsNeeds) -> dict[str, str]:
    """The answer to a preflight, besides :func:`cors_headers`."""
    return {
        "Access-Control-Allow-Methods": _listed(methods),
        "Access-Control-Allow-Headers": _listed(_REQUEST_HEADERS | needs.request_headers),
        "Access-Control-Max-Age": str(PREFLIGHT_SECONDS),
    }


class CorsMiddleware:
    """Answers preflights for the views of the upload API, and tells browsers who may read their answers."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self._get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        headers = cors_headers(request, JSON_NEEDS)
        if not headers or not _is_view_of_the_api(request):
            return self._get_response(request)
        if is_preflight(request):
            response: HttpResponseBase = HttpResponse(status=204, headers=preflight_headers(JSON_METHODS, JSON_NEEDS))
        else:
            response = self._get_response(request)
        if headers.pop("Vary", None):
            patch_vary_headers(response, ["Origin"])
        for name, value in headers.items():
            response[name] = value
        return response


def _is_view_of_the_api(request: HttpRequest) -> bool:
    match = resolve_path(request.path_info)
    return match is not None and match.app_name == "resumable_uploads" and protocol_of(match) is None


def _listed(names: Iterable[str]) -> str:
    return ", ".join(sorted(names))
