"""The WSGI driver, on what servers hand over: bodies that break off, are malformed, or stop arriving."""

from __future__ import annotations

import io
import json
import socket
from typing import Any, cast

import pytest
from django.http import HttpRequest
from django.test import RequestFactory

from apps.core.http.wsgi import protocol_view

from .recorder import Recorder

pytestmark = pytest.mark.unit


class MalformedFraming(Exception):
    """As servers raise it: no OSError."""


class Stream:
    """``wsgi.input``: some blocks, then an error or the end."""

    def __init__(self, *blocks: bytes, error: BaseException | None = None) -> None:
        self._blocks = list(blocks)
        self._error = error

    def read(self, size: int = -1) -> bytes:
        if self._blocks:
            return self._blocks.pop(0)
        if self._error:
            raise self._error
        return b""


def chunked(stream: Any, *, terminated: bool = True, connection: Any = None) -> HttpRequest:
    request = RequestFactory().put("/")
    request.META.update({"HTTP_TRANSFER_ENCODING": "chunked", "wsgi.input": stream, "gunicorn.socket": connection})
    request.META["wsgi.input_terminated"] = terminated
    return request


def code(response: Any) -> str:
    return str(json.loads(response.content)["code"])


@pytest.mark.parametrize("error", [MalformedFraming(), OSError(), ConnectionResetError()], ids=repr)
def test_a_body_that_cannot_be_read_to_its_end_is_a_bad_request(error: Exception) -> None:
    protocol = Recorder()
    response = protocol_view(protocol)(chunked(Stream(b"0123", error=error)))
    assert (response.status_code, code(response)) == (400, "incomplete_body")
    assert protocol.body.happened == ["0123", "abort"]


def test_a_body_that_stops_arriving_is_timed_out() -> None:
    protocol = Recorder()
    response = protocol_view(protocol)(chunked(Stream(b"0123", error=TimeoutError())))
    assert (response.status_code, code(response)) == (408, "receive_timeout")
    assert protocol.body.happened == ["0123", "abort"]


def test_so_is_one_of_known_length_whose_error_django_wraps() -> None:
    protocol = Recorder()
    request = RequestFactory().put("/", b"0123")
    request._stream = cast(Any, Stream(error=TimeoutError()))  # Django's own reader of the body.
    response = protocol_view(protocol)(request)
    assert (response.status_code, code(response)) == (408, "receive_timeout")


def test_a_server_that_does_not_hand_chunked_bodies_over_is_told_of_no_empty_one() -> None:
    protocol = Recorder()
    response = protocol_view(protocol)(chunked(io.BytesIO(b"4\r\n0123"), terminated=False))
    assert (response.status_code, code(response)) == (411, "length_required")
    assert protocol.body.happened == ["abort"]


def test_a_chunked_body_that_ends_is_whole() -> None:
    protocol = Recorder()
    assert protocol_view(protocol)(chunked(Stream(b"01", b"23"))).status_code == 200
    assert protocol.body.happened == ["01", "23"]


def test_an_early_answer_leaves_the_rest_unread() -> None:
    stream = Stream(b"enough", error=AssertionError("read on"))
    assert protocol_view(Recorder())(chunked(stream)).status_code == 409


def test_a_silent_client_holds_its_thread_for_so_long(uploads: Any) -> None:
    uploads(RECEIVE_TIMEOUT=3)
    ours, theirs = socket.socketpair()

    class Asking(Stream):
        def read(self, size: int = -1) -> bytes:
            assert ours.gettimeout() == 3
            return super().read(size)

    with ours, theirs:
        assert protocol_view(Recorder())(chunked(Asking(b"01"), connection=ours)).status_code == 200
        assert ours.gettimeout() is None


def test_one_that_is_superseded_in_mid_chunk_is_told_so(monkeypatch: pytest.MonkeyPatch) -> None:
    protocol = Recorder()
    ends: list[Any] = []
    monkeypatch.setattr(protocol.body, "on_superseded", ends.append)

    class Superseded(Stream):
        def read(self, size: int = -1) -> bytes:
            ends[0]()
            raise MalformedFraming

    server, client = socket.socketpair()
    with server, client:
        response = protocol_view(protocol)(chunked(Superseded(), connection=server))
    assert (response.status_code, code(response)) == (409, "append_superseded")
    assert protocol.body.happened == ["abort"]
