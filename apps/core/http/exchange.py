"""One request of a protocol, step by step, the same for both drivers.

A driver calls :meth:`Exchange.begin`, then feeds blocks until it gets an answer that is final. Every error comes back
as an answer; none escapes. All methods may block on disk and database. Steps never overlap.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Mapping
from threading import Lock
from typing import Any

from django.core.exceptions import BadRequest as DjangoBadRequest
from django.http import HttpRequest

from ..conf import PACKAGE
from ..errors import UploadError
from ..metrics import count_refusal
from . import correlation
from .authentication import Refused
from .cors import cors_headers, is_preflight, preflight_headers
from .problems import BODY_BROKEN, SUPERSEDED, TIMED_OUT, Problem, method_not_allowed, problem_for_any
from .protocol import Answer, Body, Pending, RequestHead, UploadProtocol
from .small_bodies import MOST_DIGITS
from .transport import redirect_to_https, transport_headers

logger = logging.getLogger(f"{PACKAGE}.requests")


_LOGGED = ("upload_id", "index", "part_number")
"""Of a path; there are paths with permits in them, too."""


class Exchange:
    """A request on its way through a protocol."""

    def __init__(self, protocol: UploadProtocol, request: HttpRequest, path_parameters: Mapping[str, Any]) -> None:
        self.correlation_id = correlation.begin(request.headers.get(correlation.HEADER))
        self._protocol = protocol.chosen_for(request)
        self._method = self._protocol.method_of(request)
        self._request = request
        self._path_parameters = path_parameters
        self._body: Body | None = None
        self._step = Lock()
        self._is_over = False
        self._ended_in_silence: Answer | None = None
        self._received = 0
        self._started = time.monotonic()
        self.content_length: int | None = None

    def begin(self) -> Answer | None:
        """Authenticate and let the protocol look at the head. None: the body is wanted."""
        try:
            begun = redirect_to_https(self._request) or self._answer_for_method() or self._begin()
        except Exception as error:
            return self._refuse(error)
        if isinstance(begun, Answer):
            return begun
        self._body = begun
        return None

    @property
    def opening(self) -> Answer | None:
        """The interim answer to send before the body is read, if there is one."""
        return self._body.interim if self._body else None

    @property
    def takes_lent_blocks(self) -> bool:
        """Whether blocks may be memory that is used again."""
        return self._body is not None and self._body.takes_lent_blocks

    def on_superseded(self, end: Callable[[], None]) -> None:
        """Call ``end``, from any thread, once a newer request makes it pointless to read on."""
        if self._body is not None:
            self._body.on_superseded(end)

    def _answer_for_method(self) -> Answer | None:
        """What needs no look at the rest: preflights, and methods that the protocol does not have."""
        self._request.get_host()
        methods = self._protocol.methods
        if is_preflight(self._request):
            return Answer(204, headers=preflight_headers(methods, self._protocol.cors))
        if self._method in methods:
            return None
        if self._method == "OPTIONS":
            return Answer(204, headers={"Allow": ", ".join(sorted({*methods, "OPTIONS"}))})
        return self._protocol.refuse(method_not_allowed(methods))

    def _begin(self) -> Answer | Body:
        self.content_length = _content_length(self._request)
        public = self._method in self._protocol.public_methods
        principal = None if public else self._protocol.authenticate(self._request, self._path_parameters)
        self._protocol.throttle(self._request, self._method)
        head = RequestHead(
            method=self._method,
            path_parameters=self._path_parameters,
            query=self._request.GET,
            headers=self._request.headers,
            principal=principal,
            content_length=self.content_length,
            root=f"{self._request.scheme}://{self._request.get_host()}",
        )
        return self._protocol.begin(head)

    def receive(self, block: bytes) -> Answer | None:
        """Feed the next block. A final answer ends the request, whatever of the body is still to come."""
        with self._step:
            assert self._body is not None
            if self._is_over:
                return self._ended_in_silence or self._protocol.refuse(BODY_BROKEN)
            try:
                answer = self._body.receive(block)
            except Exception as error:
                self._end_body()
                return self._refuse(error)
            self._received += len(block)
            if answer is not None and not answer.is_interim:
                self._end_body()
            return answer

    @property
    def silence_seconds(self) -> float | None:
        """After how long without a byte to call :meth:`note_silence`; None: never."""
        return self._body.silence_seconds if self._body else None

    def note_silence(self) -> Answer | None:
        """The sender has stopped for now. A final answer ends the request; whatever comes next gets it too."""
        if not self._step.acquire(blocking=False):
            return None  # It is not silent any more.
        try:
            if self._body is not None and not self._is_over:
                self._body.on_silence()
        except Exception as error:
            self._end_body()
            self._ended_in_silence = self._refuse(error)
        finally:
            self._step.release()
        return self._ended_in_silence

    @property
    def is_short(self) -> bool:
        """Whether bytes of the body are still to come, as far as is known."""
        return self.content_length is None or self._received < self.content_length

    def finish(self) -> Answer | Pending:
        """The body ended; a shorter one than announced is a broken one."""
        with self._step:
            assert self._body is not None
            if self._ended_in_silence is not None:
                return self._ended_in_silence
            self._is_over = True
            if self.content_length is not None and self._received < self.content_length:
                self._end_body()
                return self._protocol.refuse(BODY_BROKEN)
            try:
                return self._body.finish()
            except Exception as error:
                return self._refuse(error)

    def poll(self, pending: Pending) -> Answer | None:
        """The answer that ``finish`` left open, if it is there by now."""
        try:
            return pending.poll()
        except Exception as error:
            return self._refuse(error)

    def give_up(self, pending: Pending) -> Answer:
        """The answer to who has waited long enough for it."""
        try:
            return pending.poll() or pending.give_up()
        except Exception as error:
            return self._refuse(error)

    def abort(self) -> None:
        """The client is gone. Waits for a step that is under way: a server that stops ends requests in their midst."""
        with self._step:
            self._end_body()

    def break_off(self, problem: Problem = BODY_BROKEN) -> Answer:
        """The body cannot be read to its end."""
        self.abort()
        return self._protocol.refuse(problem)

    def _end_body(self) -> None:
        self._is_over = True
        if self._body is None:
            return
        try:
            self._body.abort()
        except UploadError:
            pass  # Nobody is left to be told.
        except Exception:
            logger.exception("ending a broken request failed")

    def supersede(self) -> Answer:
        """A newer request took over."""
        return self.break_off(SUPERSEDED)

    def time_out(self) -> Answer:
        """The body stopped arriving."""
        self.abort()
        return self._protocol.refuse(TIMED_OUT)

    def _refuse(self, error: Exception) -> Answer:
        if isinstance(error, UploadError):
            return self._protocol.refuse_error(error)
        if isinstance(error, Refused):
            return self._protocol.refuse(error.problem)
        return self._protocol.refuse(problem_for_any(error))

    def log(self, answer: Answer) -> None:
        """Write the request's one line of log, and count a refusal."""
        if answer.code:
            count_refusal(answer.code)
        if not logger.isEnabledFor(logging.INFO):
            return
        logger.info(
            "%s %s %d",
            self._method,
            self._protocol.name,
            answer.status,
            extra={
                "code": answer.code,
                "received_bytes": self._received,
                "seconds": round(time.monotonic() - self._started, 4),
                **{key: str(self._path_parameters[key]) for key in _LOGGED if key in self._path_parameters},
            },
        )

    def headers(self, answer: Answer) -> dict[str, str]:
        """All headers of a final answer. Without content there is no ``Content-Length`` (RFC 9110, 8.6)."""
        has_content = answer.status != 204 and self._request.method != "HEAD"
        return {
            **self._protocol.common_headers,
            **answer.headers,
            **({"Content-Length": str(len(answer.body))} if has_content else {}),
            "X-Content-Type-Options": "nosniff",
            correlation.HEADER: self.correlation_id,
            **transport_headers(self._request),
            **cors_headers(self._request, self._protocol.cors),
        }


def _content_length(request: HttpRequest) -> int | None:
    text = request.META.get("CONTENT_LENGTH") or ""
    if "HTTP_TRANSFER_ENCODING" in request.META or not text:
        return None if "HTTP_TRANSFER_ENCODING" in request.META else 0
    if not text.isascii() or not text.isdigit() or len(text) > MOST_DIGITS:
        raise DjangoBadRequest("Content-Length")
    return int(text)
