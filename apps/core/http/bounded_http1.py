"""uvicorn's HTTP/1, with the bounds that it lacks: heads, silence, pipelined requests, answers that nobody reads.

uvicorn waits for ever for the rest of a head, takes heads of any size, queues any number of pipelined requests, and
waits for ever for a client to read. Each costs memory or a socket, and needs no token. What this adds:

* A head has at most ``MAX_HEAD_SIZE`` bytes in all, ``MAX_FIELDS`` fields, and ``MAX_FIELD_SIZE`` bytes in one of them,
  since parsers of single fields take time that grows with its square (431). It is whole ``HEAD_TIMEOUT`` seconds after
  the connection, or its first byte, came (408).
* What frames a chunked body is in proportion to it. Trailers are dropped; they are no headers (RFC 9110, 6.5.1).
* Of the requests that come while one is answered, ``MAX_PIPELINED`` are kept. Then nothing more is read until they are
  answered, and the connection closes after them: the client sends the others again (RFC 9112, 9.3.2).
* A client that reads nothing for so long as the setting ``SEND_TIMEOUT`` says, while more is to be sent than its socket
  takes, is cut off.

Bodies have their bounds in :mod:`.feeding`. The class overrides what it must of a class that is not a documented
interface, so :func:`http1_class` chooses it only for the versions of uvicorn it was tested with.
"""

from __future__ import annotations

import asyncio
import fcntl
import logging
import re
import sys
import termios
from contextlib import suppress
from typing import Any

import httptools
import uvicorn
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol

from ..conf import KIB, upload_settings
from .fast_body import AT_ONCE, FastBody
from .problems import Problem
from .uvicorn_cycle import extend

logger = logging.getLogger(__name__)

MAX_HEAD_SIZE = 64 * KIB
MAX_FIELDS = 100
MAX_FIELD_SIZE = 8 * KIB
MAX_CONTENT_TYPE = 1 * KIB
FRAMING_PER_BYTE = 8
"""Bytes of framing for each byte of a chunked body: of chunks of one byte, and a little more."""
HEAD_TIMEOUT = 10.0
MAX_PIPELINED = 16

TESTED = ((0, 54), (0, 55))
"""Versions of uvicorn from the first on, and before the second."""

_HEAD_TOO_LARGE = Problem(
    431,
    "head_too_large",
    f"The head of a request may have at most {MAX_HEAD_SIZE} bytes and {MAX_FIELDS} fields, each of {MAX_FIELD_SIZE}.",
)
_HEAD_TIMED_OUT = Problem(408, "head_timeout", f"The head was not whole after {HEAD_TIMEOUT:.0f} seconds.")


def http1_class() -> type[HttpToolsProtocol] | str:
    """What to give to uvicorn as ``http``: the class of this module, or uvicorn's own choice with a loud warning."""
    version = tuple(int(part) for part in re.findall(r"\d+", uvicorn.__version__)[:2])
    if TESTED[0] <= version < TESTED[1]:
        return BoundedHttp1
    logger.error(
        "uvicorn %s is not one that BoundedHttp1 was tested with: heads, pipelined requests and unread answers are not "
        "bounded. Put a proxy in front, or install a version from %s.%s to before %s.%s.",
        *(uvicorn.__version__, *TESTED[0], *TESTED[1]),
    )
    return "auto"


class BoundedHttp1(HttpToolsProtocol):
    """One connection."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._awaits_head = True
        self._is_head_begun = False
        self._head_size = 0
        """Bytes that came while a head was awaited."""
        self._bodies_size = 0
        """Of all requests."""
        self._body_size = self._framing_size = 0
        """Of the one that is read."""
        self._running: Any = None
        """The cycle at work; ``self.cycle`` is that of the request that was read last."""
        self._is_closing = False
        """No further request is taken: the connection closes once those that were taken are answered."""
        self._head_timer: asyncio.TimerHandle | None = None
        self._send_timer: asyncio.TimerHandle | None = None
        self.is_fast = False

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._start_head_timer()

    def connection_lost(self, exc: Exception | None) -> None:
        self._stop_head_timer()
        self._stop_send_timer()
        self.pipeline.clear()
        if self._running is not None and not self._running.response_complete:
            self._running.disconnected = True
            self._running.message_event.set()
        super().connection_lost(exc)

    def _start_asgi_task(self, cycle: Any, app: Any) -> None:
        self._running = cycle
        extend(cycle, FastBody(self, cycle))
        super()._start_asgi_task(cycle, app)

    def bytes_to_come(self, cycle: Any) -> int:
        if cycle is not self.cycle or not cycle.more_body or cycle.disconnected:
            return 0
        if self._is_closing or self.transport.is_closing():
            return 0
        return _content_length(self.headers) - self._body_size

    def skip_body(self, size: int) -> None:
        self._body_size += size

    def end_body(self, parser: httptools.HttpRequestParser) -> None:
        """A body that the parser did not see all of has ended."""
        with suppress(AttributeError):  # As uvicorn has it.
            parser.set_dangerous_leniencies(lenient_data_after_close=True)
        self.parser = parser
        self.on_message_complete()

    def data_received(self, data: bytes) -> None:
        if self._is_closing and not self._is_body_wanted():
            return
        if self._awaits_head:
            self._head_size += len(data)
        bodies_before = self._bodies_size
        super().data_received(data)
        if self._awaits_head and self._head_size > MAX_HEAD_SIZE:
            self._refuse(_HEAD_TOO_LARGE)
        if not self._awaits_head:
            self._framing_size += len(data) - (self._bodies_size - bodies_before)
            if self._framing_size > 2 * MAX_HEAD_SIZE + FRAMING_PER_BYTE * self._body_size:
                self.transport.abort()
        self.watch_what_follows_an_early_answer()

    def watch_what_follows_an_early_answer(self) -> None:
        """Bytes of a body that is answered already are no silence, and stop uvicorn's timer of it; start it again."""
        is_answered = self.cycle is not None and self.cycle.response_complete
        if is_answered and not self.transport.is_closing():
            self._unset_keepalive_if_required()
            self.timeout_keep_alive_task = self.loop.call_later(
                self.timeout_keep_alive, self.timeout_keep_alive_handler
            )

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self._is_head_begun = True
        self._start_head_timer()

    def on_header(self, name: bytes, value: bytes) -> None:
        if self._is_head_begun:
            super().on_header(name, value)

    def on_headers_complete(self) -> None:
        self._stop_head_timer()
        self._awaits_head = self._is_head_begun = False
        self._body_size = self._framing_size = 0
        if self._is_head_too_large():
            self._refuse(_HEAD_TOO_LARGE)
        if self._is_closing:
            return
        super().on_headers_complete()
        if len(self.pipeline) >= MAX_PIPELINED:
            self._take_no_more()

    def _is_head_too_large(self) -> bool:
        size = len(self.url)
        for name, value in self.headers:
            size += len(name) + len(value)
            if len(value) > (MAX_CONTENT_TYPE if name == b"content-type" else MAX_FIELD_SIZE):
                return True
        return size > MAX_HEAD_SIZE or len(self.headers) > MAX_FIELDS

    def on_body(self, body: bytes) -> None:
        self._body_size += len(body)
        self._bodies_size += len(body)
        self.is_fast = self.is_fast or len(body) >= AT_ONCE
        if self._is_body_wanted():
            super().on_body(body)

    def on_message_complete(self) -> None:
        if self._is_body_wanted():
            super().on_message_complete()
        self._awaits_head, self._head_size = True, 0

    def _is_body_wanted(self) -> bool:
        """Whether the request whose head was read last was taken."""
        return self.cycle is not None and self.cycle.scope is self.scope

    def pause_writing(self) -> None:
        super().pause_writing()
        if self._send_timer is None:
            self._start_send_timer()

    def _start_send_timer(self) -> None:
        timeout = upload_settings().send_timeout
        self._send_timer = self.loop.call_later(timeout, self._abort_unless_some_was_taken, self._not_taken())

    def _abort_unless_some_was_taken(self, before: int) -> None:
        self._send_timer = None
        if self._not_taken() < before:
            self._start_send_timer()
        else:
            self.transport.abort()

    def _not_taken(self) -> int:
        """Bytes of answers that the client has not acknowledged, in this process and, where it tells, the kernel."""
        queued = bytearray(4)
        with suppress(OSError, AttributeError):
            fcntl.ioctl(self.transport.get_extra_info("socket").fileno(), termios.TIOCOUTQ, queued)
        return self.transport.get_write_buffer_size() + int.from_bytes(queued, sys.byteorder)

    def resume_writing(self) -> None:
        self._stop_send_timer()
        super().resume_writing()

    def timeout_keep_alive_handler(self) -> None:
        if self.transport.get_write_buffer_size():
            self.transport.abort()  # The last answer was never read; closing would wait for that.
        else:
            super().timeout_keep_alive_handler()

    def _take_no_more(self) -> None:
        self._is_closing = True
        self.cycle.keep_alive = False

    def _refuse(self, problem: Problem) -> None:
        """Answer, unless an earlier request is still to be answered, and close."""
        if self.cycle is not None and not self.cycle.response_complete:
            self._take_no_more()
            return
        self._is_closing = True
        self._stop_head_timer()
        body = problem.body()
        headers = {**problem.headers(), "Content-Length": str(len(body)), "Connection": "close"}
        lines = [f"{name}: {value}\r\n".encode("latin-1") for name, value in headers.items()]
        self.transport.write(b"".join([STATUS_LINE[problem.status], *lines, b"\r\n", body]))
        self.transport.close()

    def _time_out_head(self) -> None:
        self._head_timer = None
        if self._is_head_begun:
            self._refuse(_HEAD_TIMED_OUT)
        elif self._running is None:
            self.transport.close()  # Not a word was said.

    def _start_head_timer(self) -> None:
        if self._head_timer is None:
            self._head_timer = self.loop.call_later(HEAD_TIMEOUT, self._time_out_head)

    def _stop_head_timer(self) -> None:
        if self._head_timer is not None:
            self._head_timer.cancel()
            self._head_timer = None

    def _stop_send_timer(self) -> None:
        if self._send_timer is not None:
            self._send_timer.cancel()
            self._send_timer = None


def _content_length(headers: list[tuple[bytes, bytes]]) -> int:
    """What the parser has found to be one number; 0 for a body whose length is not known."""
    return next((int(value) for name, value in headers if name == b"content-length"), 0)
