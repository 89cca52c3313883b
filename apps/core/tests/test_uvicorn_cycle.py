"""What goes to a connection's transport, of a request of uvicorn's with what it lacks."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

import pytest
import uvicorn
from uvicorn.server import ServerState

from apps.core.http.bounded_http1 import BoundedHttp1
from apps.core.http.informational import ASGI_EXTENSION

pytestmark = pytest.mark.unit

HEADERS = [(b"content-length", b"4")]
START = {"type": "http.response.start", "status": 200, "headers": HEADERS}
BODY = {"type": "http.response.body", "body": b"abcd"}
HEAD = b"HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\n"

Application = Callable[[Any, Any, Any], Coroutine[Any, Any, None]]


class Transport(asyncio.Transport):
    def __init__(self) -> None:
        super().__init__()
        self.writes: list[bytes] = []
        self.is_closed = False

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        return default

    def write(self, data: Any) -> None:
        self.writes.append(bytes(data))

    def is_closing(self) -> bool:
        return self.is_closed

    def close(self) -> None:
        self.is_closed = True

    def pause_reading(self) -> None: ...

    def resume_reading(self) -> None: ...

    def get_write_buffer_size(self) -> int:
        return 0


def answer_of(application: Application, request: bytes = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n") -> Transport:
    """The transport after one request to an application."""

    async def run() -> Transport:
        config = uvicorn.Config(
            application, lifespan="off", log_level="critical", server_header=False, date_header=False
        )
        config.load()
        state = ServerState()
        connection = BoundedHttp1(config, state, {})
        transport = Transport()
        connection.connection_made(transport)
        connection.data_received(request)
        while state.tasks:
            await asyncio.gather(*state.tasks)
            await asyncio.sleep(0)
        connection.connection_lost(None)
        return transport

    return asyncio.run(run())


def sends(*messages: dict[str, Any]) -> Application:
    async def application(scope: Any, receive: Any, send: Any) -> None:
        for message in messages:
            await send(message)

    return application


def test_head_and_body_go_out_in_one_write() -> None:
    assert answer_of(sends(START, BODY)).writes == [HEAD + b"abcd"]


def test_a_longer_body_goes_out_as_it_comes() -> None:
    parts: list[dict[str, Any]] = [{**BODY, "body": b"ab", "more_body": True}, {**BODY, "body": b"cd"}]
    assert answer_of(sends(START, *parts)).writes == [HEAD + b"ab", b"cd"]


def test_the_connection_closes_after_the_answer_that_says_so() -> None:
    transport = answer_of(sends(START, BODY), b"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
    assert transport.writes == [HEAD.replace(b"\r\n\r\n", b"\r\nconnection: close\r\n\r\n") + b"abcd"]
    assert transport.is_closed


def test_what_is_pipelined_behind_the_last_answer_is_not_begun() -> None:
    begun = []

    async def application(scope: Any, receive: Any, send: Any) -> None:
        begun.append(scope["path"])
        await sends({**START, "headers": [*HEADERS, (b"connection", b"close")]}, BODY)(scope, receive, send)

    answer_of(application, b"GET /a HTTP/1.1\r\nHost: a\r\n\r\nGET /b HTTP/1.1\r\nHost: a\r\n\r\n")
    assert begun == ["/a"]


def test_interim_answers_go_out_before_it_at_once() -> None:
    interim = {"type": ASGI_EXTENSION, "status": 104, "headers": []}
    first, second = answer_of(sends(interim, START, BODY)).writes
    assert first.startswith(b"HTTP/1.1 104 ")
    assert second == HEAD + b"abcd"


@pytest.mark.parametrize("messages", [[], [START]])
def test_who_fails_before_the_body_is_answered_500(messages: list[dict[str, Any]]) -> None:
    async def application(scope: Any, receive: Any, send: Any) -> None:
        await sends(*messages)(scope, receive, send)
        raise ZeroDivisionError

    transport = answer_of(application)
    assert b"".join(transport.writes).startswith(b"HTTP/1.1 500 ")
    assert b" 200 " not in b"".join(transport.writes)


def test_who_fails_in_the_body_has_the_connection_closed() -> None:
    async def application(scope: Any, receive: Any, send: Any) -> None:
        await sends(START, {**BODY, "body": b"ab", "more_body": True})(scope, receive, send)
        raise ZeroDivisionError

    transport = answer_of(application)
    assert transport.writes == [HEAD + b"ab"]
    assert transport.is_closed


@pytest.mark.parametrize("wrong", [[BODY], [START, {**BODY, "body": b"too long"}]])
def test_a_wrong_order_of_messages_is_no_answer(wrong: list[dict[str, Any]]) -> None:
    assert b"abcd" not in b"".join(answer_of(sends(*wrong)).writes)
