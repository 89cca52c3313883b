"""The driver for WSGI servers: a Django view that reads the body and feeds a protocol.

Under ASGI, :mod:`apps.core.asgi` finds the same view in the URL configuration and drives its protocol itself.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from django.http import HttpRequest, HttpResponse, UnreadablePostError
from django.urls import ResolverMatch
from django.views.decorators.csrf import csrf_exempt

from ..conf import MIB, upload_settings
from .exchange import Exchange
from .problems import method_not_allowed
from .protocol import Answer, UploadProtocol

BLOCK = MIB


def protocol_view(protocol: UploadProtocol) -> Callable[..., HttpResponse]:
    """A view that serves ``protocol``. Exempt from CSRF middleware; the authenticators check what needs checking."""

    @csrf_exempt
    def view(request: HttpRequest, **path_parameters: Any) -> HttpResponse:
        exchange = Exchange(protocol, request, path_parameters)
        if request.method not in protocol.methods:
            answer = protocol.refuse(method_not_allowed(protocol.methods))
        else:
            answer = _drive(exchange, request)
        exchange.log(answer)
        return HttpResponse(answer.body, status=answer.status, headers=exchange.headers(answer))

    view.upload_protocol = protocol  # type: ignore[attr-defined]
    return view


def protocol_of(match: ResolverMatch) -> UploadProtocol | None:
    """The protocol behind a resolved URL, if there is one."""
    return getattr(match.func, "upload_protocol", None)


def _drive(exchange: Exchange, request: HttpRequest) -> Answer:
    answer = exchange.begin()
    if answer is not None:
        return answer
    try:
        with _limited_patience(request):
            for block in _blocks(request, exchange.content_length):
                answer = exchange.receive(block)
                if answer is not None:
                    return answer
    except OSError as error:  # UnreadablePostError is one; servers raise others when a chunked body breaks off.
        if isinstance(error, TimeoutError) or isinstance(error.__cause__, TimeoutError):
            return exchange.time_out()
        exchange.break_off()
        raise
    return exchange.finish()


@contextmanager
def _limited_patience(request: HttpRequest) -> Iterator[None]:
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


def _blocks(request: HttpRequest, content_length: int | None) -> Iterator[bytes]:
    """The body, as it arrives. A chunked one bypasses Django, which takes a missing Content-Length for no body."""
    if content_length is None:
        stream = request.META.get("wsgi.input")
        if stream is None or not request.META.get("wsgi.input_terminated"):
            raise UnreadablePostError("this server does not hand chunked bodies over")
    else:
        stream = request
    while block := stream.read(BLOCK):
        yield block
