"""Responses that Django does not have."""

from __future__ import annotations

from django.http import HttpResponse


class WithoutLength(HttpResponse):
    """An answer without content, and so without ``Content-Length`` (204 and HEAD; RFC 9110, 8.6).

    Django's ``CommonMiddleware`` gives one to any response that does not say that it has it.
    """

    def has_header(self, header: str) -> bool:
        return header.lower() == "content-length" or super().has_header(header)
