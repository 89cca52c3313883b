"""The driver for WSGI servers: a Django view that reads the body and feeds a protocol.

Under ASGI, :class:`.asgi.UploadApplication` finds the same view in the URL configuration and drives its protocol
itself.
"""

from __future__ import annotations

import logging
import socket
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from functools import partial
from threading import Event
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.views.decorators.csrf import csrf_exempt

from ..conf import KIB, MIB, PACKAGE, upload_settings
from ..services.waiting import looks
from .atomic_requests import non_atomic
from .exchange import Exchange
from .informational import encode
from .problems import LENGTH_REQUIRED
from .protocol import Answer, Pending, UploadProtocol
from .responses import WithoutLength
from .silence import watched

logger = logging.getLogger(f"{PACKAGE}.requests")

BLOCK = MIB
SMALL_BLOCK = 128 * KIB
"""Where silence matters: what of a block has come when its sender falls silent nobody gets to see."""


def protocol_view(protocol: UploadProtocol) -> Callable[..., HttpResponseBase]:
    """A view that serves ``protocol``. Exempt from CSRF middleware; the authenticators check what needs checking."""

    @non_atomic
    @csrf_exempt
    def view(request: HttpRequest, **path_parameters: Any) -> HttpResponseBase:
        exchange = Exchange(protocol, request, path_parameters)
        answer = _drive(exchange, request)
        exchange.log(answer)
        return _response(answer, exchange.headers(answer))

    view.upload_protocol = protocol  # type: ignore[attr-defined]
    return view


def _response(answer: Answer, headers: dict[str, str]) -> HttpResponseBase:
    if "Content-Length" in headers:
        return HttpResponse(answer.body, status=answer.status, headers=headers)
    response = WithoutLength(status=answer.status, headers=headers)
    if "Content-Type" not in answer.headers:
        del response["Content-Type"]
    return response


def _drive(exchange: Exchange, request: HttpRequest) -> Answer:
    answer = exchange.begin()
    if answer is not None:
        return answer
    send_interim = _interim_sender(request)
    if send_interim and exchange.opening:
        send_interim(exchange.opening.status, exchange.opening.headers)
    if exchange.content_length is None and not request.META.get("wsgi.input_terminated"):
        return exchange.break_off(LENGTH_REQUIRED)
    superseding = _end_when_superseded(exchange, request)
    try:
        with _read_timeout(request), watched(exchange) as reading:
            block_size = BLOCK if exchange.silence_seconds is None else SMALL_BLOCK
            for block in _blocks(request, exchange.content_length, block_size):
                reading.note_block()
                answer = exchange.receive(block)
                if answer is not None and not answer.is_interim:
                    return answer
                if answer is not None and send_interim:
                    send_interim(answer.status, answer.headers)
    except _Unreadable as error:
        if superseding.is_set():
            return exchange.supersede()
        return exchange.time_out() if error.is_timeout else exchange.break_off()
    if superseding.is_set() and exchange.is_short:
        return exchange.supersede()
    ended = exchange.finish()
    return _wait_for(exchange, ended) if isinstance(ended, Pending) else ended


def _wait_for(exchange: Exchange, pending: Pending) -> Answer:
    """Who waits holds a thread, so only a few may."""
    for _ in looks(pending.seconds):
        if (answer := exchange.poll(pending)) is not None:
            return answer
    return exchange.give_up(pending)


def _interim_sender(request: HttpRequest) -> Callable[[int, Mapping[str, str]], None] | None:
    """How to send an interim answer, where the server shows its socket, to who understands one (RFC 9110, 15.2)."""
    connection = request.META.get("gunicorn.socket")
    if connection is None or request.META.get("SERVER_PROTOCOL") == "HTTP/1.0":
        return None

    def send(status: int, headers: Mapping[str, str]) -> None:
        fields = [(name.encode("latin-1"), value.encode("latin-1")) for name, value in headers.items()]
        with suppress(OSError):  # Who is gone is noticed when it is read from.
            connection.sendall(encode(status, fields))

    return send


def _end_when_superseded(exchange: Exchange, request: HttpRequest) -> Event:
    """Let a newer request end this one, where the server shows its socket: the thread that reads finds an end.

    Returns what is set when that happened.
    """
    superseding = Event()
    connection = request.META.get("gunicorn.socket")
    if connection is not None:
        exchange.on_superseded(partial(_stop_reading, connection, superseding))
    return superseding


def _stop_reading(connection: socket.socket, superseding: Event) -> None:
    superseding.set()
    with suppress(OSError):
        connection.shutdown(socket.SHUT_RD)


class _Unreadable(Exception):
    """The server could not read on. It raised what it pleased: each has kinds of its own for malformed framing."""

    @property
    def is_timeout(self) -> bool:
        raised = self.__cause__
        return isinstance(raised, TimeoutError) or isinstance(raised and raised.__cause__, TimeoutError)


@contextmanager
def _read_timeout(request: HttpRequest) -> Iterator[None]:
    """Do not let a silent client hold a thread for ever, where the server shows its socket (gunicorn does)."""
    connection = request.META.get("gunicorn.socket")
    if connection is None:
        yield
        return
    before = connection.gettimeout()
    connection.settimeout(upload_settings().receive_timeout)
    try:
        yield
    finally:
        connection.settimeout(before)


def _blocks(request: HttpRequest, content_length: int | None, size: int) -> Iterator[bytes]:
    """The body, as it arrives. A chunked one bypasses Django, which takes a missing Content-Length for no body."""
    stream = request.META["wsgi.input"] if content_length is None else request
    while True:
        try:
            block = stream.read(size)
        except Exception as error:
            logger.info("a body could not be read", exc_info=error)
            raise _Unreadable from error
        if not block:
            return
        yield block
