"""The id that ties log lines to one request: taken from ``X-Request-ID`` or made, and sent back."""

from __future__ import annotations

import logging
import random
import re
from collections.abc import Callable
from contextvars import ContextVar

from django.http import HttpRequest
from django.http.response import HttpResponseBase

HEADER = "X-Request-ID"

_FIT = re.compile(r"[A-Za-z0-9._-]{1,128}")
_current: ContextVar[str] = ContextVar("correlation_id", default="")


def begin(given: str | None) -> str:
    """Set the id of the request at work; a given one is kept if it is short and plain."""
    correlation_id = (
        given if given and _FIT.fullmatch(given) else f"{random.getrandbits(128):032x}"
    )  # a label, not a secret
    _current.set(correlation_id)
    return correlation_id


def correlation_id() -> str:
    """The id of the request at work, or an empty string."""
    return _current.get()


class CorrelationFilter(logging.Filter):
    """Adds ``correlation_id`` to every log record."""

    def filter(self, record: logging.LogRecord) -> bool:
        record.correlation_id = correlation_id()
        return True


class CorrelationMiddleware:
    """Gives every request that Django handles its id."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self._get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        given = begin(request.headers.get(HEADER))
        response = self._get_response(request)
        response[HEADER] = given
        return response
