"""Under gunicorn, say that a connection closes where it does: after an answer to a body that was not read to its end.

gunicorn reads some of what is left of a body and then closes, having announced to keep the connection, so that a client
meets a closed one with its next request. A WSGI application cannot announce it (PEP 3333 forbids ``Connection``), but
gunicorn's own request can be told.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator
from typing import Any

DRAINED = 64 * 1024
"""Bytes of an unread body that gunicorn can be trusted to read in passing."""

_serving = threading.local()


def remember(request: Any) -> None:
    """To be called by gunicorn's ``pre_request``, in the thread that serves the request."""
    _serving.request = request


class AnnouncesClosing:
    def __init__(self, application: Callable[..., Iterable[bytes]]) -> None:
        self._application = application

    def __call__(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        request = getattr(_serving, "request", None)
        if request is None:
            return self._application(environ, start_response)
        body = _WatchedBody(environ["wsgi.input"], _length(environ))
        environ["wsgi.input"] = body

        def start(*args: Any) -> Any:
            if body.left > DRAINED:
                request.force_close()
            return start_response(*args)

        return self._application(environ, start)


def _length(environ: dict[str, Any]) -> float:
    if environ.get("HTTP_TRANSFER_ENCODING"):
        return float("inf")
    length = environ.get("CONTENT_LENGTH") or "0"
    return int(length) if length.isdigit() else 0


class _WatchedBody:
    """``wsgi.input`` that knows how many bytes are left: of a chunked body infinitely many, until its end is read."""

    def __init__(self, body: Any, left: float) -> None:
        self._body = body
        self.left = left

    def read(self, size: int = -1) -> bytes:
        return self._watched(self._body.read(*[size] if size >= 0 else []), size)

    def readline(self, size: int = -1) -> bytes:
        return self._watched(self._body.readline(*[size] if size >= 0 else []), size)

    def readlines(self, hint: int = -1) -> list[bytes]:
        return [*self]

    def __iter__(self) -> Iterator[bytes]:
        return iter(self.readline, b"")

    def _watched(self, data: bytes, size: int) -> bytes:
        ended = not data and size != 0
        self.left = 0 if ended else self.left - len(data)
        return data
