"""One request of a protocol, step by step, the same for both drivers.

A driver calls :meth:`Exchange.begin`, then feeds blocks until it gets an answer. Every error comes back as an answer;
none escapes. All methods may block on disk and database.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Mapping
from typing import Any

from django.core.exceptions import BadRequest as DjangoBadRequest
from django.core.exceptions import DisallowedHost
from django.http import HttpRequest

from ..errors import UploadError
from ..metrics import refusals
from . import correlation
from .authentication import Refused, authenticate
from .cors import cors_headers
from .problems import INTERNAL_ERROR, MALFORMED, TIMED_OUT, Problem
from .protocol import Answer, Receiver, RequestHead, UploadProtocol

logger = logging.getLogger("apps.core.requests")


class Exchange:
    """A request on its way through a protocol."""

    def __init__(self, protocol: UploadProtocol, request: HttpRequest, path_parameters: Mapping[str, Any]) -> None:
        self.correlation_id = correlation.begin(request.headers.get(correlation.HEADER))
        self._protocol = protocol
        self._request = request
        self._path_parameters = path_parameters
        self._receiver: Receiver | None = None
        self._received = 0
        self._started = time.monotonic()
        self.content_length: int | None = None

    def begin(self) -> Answer | None:
        """Authenticate and let the protocol look at the head. None: the body is wanted."""
        try:
            self._request.get_host()
            self.content_length = _content_length(self._request)
            head = RequestHead(
                method=self._request.method or "",
                path_parameters=self._path_parameters,
                headers=self._request.headers,
                user=authenticate(self._request),
                content_length=self.content_length,
            )
            begun = self._protocol.begin(head)
        except Exception as error:
            return self._refuse(error)
        if isinstance(begun, Answer):
            return begun
        self._receiver = begun
        return None

    def receive(self, block: bytes) -> Answer | None:
        """Feed the next block. An answer ends the request, whatever of the body is still to come."""
        assert self._receiver is not None
        try:
            self._receiver.receive(block)
        except Exception as error:
            self.break_off()
            return self._refuse(error)
        self._received += len(block)
        return None

    def finish(self) -> Answer:
        """The body ended; a shorter one than announced is a broken one."""
        assert self._receiver is not None
        if self.content_length is not None and self._received < self.content_length:
            self.break_off()
            return self._protocol.refuse(Problem(400, "incomplete_body", "The body is too short."))
        try:
            return self._receiver.finish()
        except Exception as error:
            return self._refuse(error)

    def break_off(self) -> None:
        """The client is gone, or an answer came early."""
        if self._receiver is None:
            return
        try:
            self._receiver.break_off()
        except UploadError:
            pass  # Nobody is left to be told.
        except Exception:
            logger.exception("ending a broken request failed")

    def time_out(self) -> Answer:
        """The body stopped arriving."""
        self.break_off()
        return self._protocol.refuse(TIMED_OUT)

    def _refuse(self, error: Exception) -> Answer:
        if isinstance(error, UploadError):
            return self._protocol.refuse_error(error)
        if isinstance(error, Refused):
            return self._protocol.refuse(error.problem)
        if isinstance(error, DisallowedHost | DjangoBadRequest):
            return self._protocol.refuse(MALFORMED)
        logger.exception("unexpected error")
        return self._protocol.refuse(INTERNAL_ERROR)

    def log(self, answer: Answer) -> None:
        """Write the request's one line of log, and count a refusal."""
        if answer.code:
            refusals.labels(code=answer.code).inc()
        if not logger.isEnabledFor(logging.INFO):
            return
        logger.info(
            "%s %s %d",
            self._request.method,
            self._protocol.name,
            answer.status,
            extra={
                "code": answer.code,
                "received_bytes": self._received,
                "seconds": round(time.monotonic() - self._started, 4),
                **{key: str(value) for key, value in self._path_parameters.items()},
            },
        )

    def headers(self, answer: Answer) -> dict[str, str]:
        """All headers of an answer."""
        return {
            **answer.headers,
            "Content-Length": str(len(answer.body)),
            "X-Content-Type-Options": "nosniff",
            correlation.HEADER: self.correlation_id,
            **cors_headers(self._request),
        }


def _content_length(request: HttpRequest) -> int | None:
    text = request.META.get("CONTENT_LENGTH") or ""
    if "HTTP_TRANSFER_ENCODING" in request.META or not text:
        return None if "HTTP_TRANSFER_ENCODING" in request.META else 0
    if not text.isascii() or not text.isdigit():
        raise DjangoBadRequest("Content-Length")
    return int(text)
