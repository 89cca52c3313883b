"""Compressed answers, for those that are large and repeat themselves."""

from __future__ import annotations

from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.middleware.gzip import GZipMiddleware
from django.utils.cache import patch_vary_headers
from django.utils.decorators import decorator_from_middleware

LEAST = 1000
"""Bytes from which on compressing is worth its time."""


class _GzipOfLarge(GZipMiddleware):
    """Django's, which adds random bytes, so that lengths betray nothing of the content (BREACH)."""

    def process_response(self, request: HttpRequest, response: HttpResponseBase) -> HttpResponseBase:
        if len(response.content) < LEAST:  # type: ignore[attr-defined]
            # The same address may answer more next time.
            patch_vary_headers(response, ("Accept-Encoding",))
            return response
        return super().process_response(request, response)


gzip_large = decorator_from_middleware(_GzipOfLarge)
"""Have a view answer with gzip where the client takes it and the answer is large. Not for views that stream."""
