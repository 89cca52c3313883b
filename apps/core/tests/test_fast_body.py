"""Large bodies in memory that is lent, on raw sockets, under both event loops."""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import uvicorn

from apps.core.http import fast_body
from apps.core.http.bounded_http1 import BoundedHttp1
from apps.core.http.fast_body import ASGI_EXTENSION, BLOCK_SIZE, BUFFER_SIZE, LEAST_LEFT, MOST_BLOCKS

pytestmark = pytest.mark.integration

GET = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"
LONG = 60


def put(data: bytes, path: str = "/") -> bytes:
    return f"PUT {path} HTTP/1.1\r\nHost: a\r\nContent-Length: {len(data)}\r\n\r\n".encode() + data


class Server:
    """Takes blocks, and answers each request with the number of bytes that came. Its ways are set by the path."""

    def __init__(self, loop: Any) -> None:
        self.bodies: list[bytes] = []
        self.holds_back = False
        """Under ``/refuse``."""
        self.received = 0
        """Bytes of the body at work."""
        self.blocks: list[int] = []
        """The sizes of those that came."""
        self.held: list[Any] = []
        """Blocks that were not given back, under ``/hold``."""
        self.ends: list[str] = []
        self.rest = b""
        """What had arrived and was not taken, when the application ended."""
        config = uvicorn.Config(
            self.application, interface="asgi3", http=BoundedHttp1, port=0, log_level="critical", lifespan="off",
            loop=loop,
        )  # fmt: skip
        self._server = uvicorn.Server(config)
        self._thread = threading.Thread(target=self._server.run, daemon=True)
        self._thread.start()
        while not self._server.started:
            self._thread.join(0.01)
        self.address = self._server.servers[0].sockets[0].getsockname()

    async def application(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["path"] == "/late":
            await asyncio.sleep(0.1)
        lender = scope["extensions"][ASGI_EXTENSION]["accept"]()
        received, message = b"", {"type": "http.request", "more_body": scope["path"] != "/refuse"}
        while scope["path"] == "/refuse" and self.holds_back:
            await asyncio.sleep(0.005)
        while message["type"] == "http.request" and message["more_body"]:
            message = await receive()
            received += message.get("body", b"")
            self.received = len(received)
            if block := message.get("block"):
                self.blocks.append(len(message["body"]))
                if scope["path"] == "/hold":
                    self.held.append(block)
                else:
                    message["body"].release()
                    block.release()
        self.bodies.append(received)
        self.ends.append(message["type"])
        if lender is not None:
            self.rest = lender.take_rest()
            lender.stop()
        if message["type"] == "http.request":
            body = str(len(received)).encode()
            length = [(b"content-length", str(len(body)).encode())]
            await send({"type": "http.response.start", "status": 200, "headers": length})
            await send({"type": "http.response.body", "body": body})

    def call(self, function: Callable[..., object]) -> None:
        """In the server's thread."""
        loop: Any = self._server.servers[0].get_loop()
        loop.call_soon_threadsafe(function)

    def stop(self) -> None:
        self._server.should_exit = self._server.force_exit = True
        self._thread.join()

    @contextlib.contextmanager
    def connect(self) -> Iterator[socket.socket]:
        with socket.create_connection(self.address, timeout=LONG) as client:
            yield client


@pytest.fixture(params=["asyncio", "uvloop"])
def server(request: pytest.FixtureRequest) -> Iterator[Server]:
    running = Server(request.param)
    yield running
    running.stop()
    assert fast_body._pool._lent == 0, "every block was given back"


def answer(client: socket.socket) -> bytes:
    """The body of the next answer, and no byte of another."""
    head = b""
    while not head.endswith(b"\r\n\r\n"):
        byte = client.recv(1)
        assert byte, "the server closed"
        head += byte
    length = int(head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0])
    return client.recv(length, socket.MSG_WAITALL)


def until(condition: Callable[[], object]) -> None:
    deadline = time.monotonic() + LONG
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.005)


@pytest.mark.parametrize("size", [LEAST_LEFT, BLOCK_SIZE, 5 * BLOCK_SIZE + 7, 40 * BLOCK_SIZE])
def test_a_large_body_arrives_as_it_is_and_what_follows_too(server: Server, size: int) -> None:
    data = os.urandom(size)
    with server.connect() as client:
        for _ in range(3):
            client.sendall(put(data, "/late"))
            assert answer(client) == str(size).encode()
        client.sendall(GET)
        assert answer(client) == b"0"
    assert server.bodies == [data, data, data, b""]
    if size > 5 * BLOCK_SIZE:
        assert sum(server.blocks) > size, "most of it came in blocks"


def test_requests_that_were_sent_at_once_are_answered_in_turn(server: Server) -> None:
    data = os.urandom(3 * BLOCK_SIZE)
    with server.connect() as client:
        sender = threading.Thread(target=client.sendall, args=(put(data, "/late") + GET + put(data) + GET,))
        sender.start()
        size = str(len(data)).encode()
        assert [answer(client) for _ in range(4)] == [size, b"0", size, b"0"]
        sender.join(LONG)
    assert server.bodies == [data, b"", data, b""]


@pytest.mark.parametrize("size", [LEAST_LEFT - 1, 10])
def test_a_small_body_is_not_worth_the_change(server: Server, size: int) -> None:
    with server.connect() as client:
        client.sendall(put(bytes(size)))
        assert answer(client) == str(size).encode()
    assert server.blocks == []


def test_a_body_of_unknown_length_goes_the_ordinary_way(server: Server) -> None:
    data = os.urandom(3 * BLOCK_SIZE)
    with server.connect() as client:
        head = b"PUT / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
        client.sendall(head + f"{len(data):x}\r\n".encode() + data + b"\r\n0\r\n\r\n")
        assert answer(client) == str(len(data)).encode()
    assert (server.bodies, server.blocks) == ([data], [])


def test_who_is_slow_is_lent_nothing(server: Server) -> None:
    data = os.urandom(LEAST_LEFT * 2)
    with server.connect() as client:
        request = put(data)
        for end in range(BUFFER_SIZE // 2, len(request) + BUFFER_SIZE // 2, BUFFER_SIZE // 2):
            client.sendall(request[end - BUFFER_SIZE // 2 : end])
            until(lambda: server.received >= min(end, len(request)) - (len(request) - len(data)))  # noqa: B023
        assert answer(client) == str(len(data)).encode()
    assert (server.bodies, server.blocks) == ([data], [])


def test_who_becomes_slow_is_heard_soon_and_lent_nothing_more(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fast_body, "PATIENCE", 0.05)
    data = os.urandom(8 * BLOCK_SIZE)
    request = put(data, "/late")
    with server.connect() as client:
        client.sendall(request[: 3 * BLOCK_SIZE + 1000])
        until(lambda: fast_body._pool._lent == 0 and server.blocks)
        heard = list(server.blocks)
        for start in range(3 * BLOCK_SIZE + 1000, 4 * BLOCK_SIZE, 10_000):
            client.sendall(request[start : min(start + 10_000, 4 * BLOCK_SIZE)])
        until(lambda: fast_body._pool._lent == 0)
        client.sendall(request[4 * BLOCK_SIZE :])
        assert answer(client) == str(len(data)).encode()
    assert server.bodies == [data]
    assert heard[-1] < BLOCK_SIZE, "the last block was not full"


def test_no_more_is_read_than_the_application_follows(server: Server) -> None:
    data = os.urandom(8 * BLOCK_SIZE)
    with server.connect() as client:
        sender = threading.Thread(target=client.sendall, args=(put(data, "/hold"),))
        sender.start()
        until(lambda: len(server.held) == MOST_BLOCKS)
        time.sleep(0.1)
        assert len(server.held) == MOST_BLOCKS
        while not server.bodies:
            if server.held:
                server.call(server.held.pop(0).release)
            time.sleep(0.005)
        sender.join(LONG)
        assert answer(client) == str(len(data)).encode()
    assert server.bodies == [data]


def test_without_a_free_block_it_is_the_ordinary_way(server: Server, uploads: Any) -> None:
    uploads(RECEIVE_BUFFER_BYTES=BLOCK_SIZE - 1)
    data = os.urandom(8 * BLOCK_SIZE)
    with server.connect() as client:
        client.sendall(put(data, "/late"))
        assert answer(client) == str(len(data)).encode()
    assert (server.bodies, server.blocks) == ([data], [])


@pytest.mark.parametrize("sent", [100_000, 2 * BLOCK_SIZE + 1000])
def test_what_arrived_before_a_cut_is_heard_before_it(server: Server, sent: int) -> None:
    data = os.urandom(8 * BLOCK_SIZE)
    with server.connect() as client:
        request = put(data, "/late")
        client.sendall(request[: len(request) - len(data) + sent])
        client.shutdown(socket.SHUT_WR)
        until(lambda: server.bodies)
    assert server.bodies == [data[:sent]]
    assert server.ends == ["http.disconnect"]


def test_after_an_early_answer_the_rest_is_read_and_the_connection_goes_on(server: Server) -> None:
    data = os.urandom(8 * BLOCK_SIZE)
    with server.connect() as client:
        client.sendall(put(data[:LEAST_LEFT], "/late"))
        assert answer(client) == str(LEAST_LEFT).encode()
        sender = threading.Thread(target=client.sendall, args=(put(data, "/refuse") + GET,))
        sender.start()
        assert answer(client) == b"0"
        assert answer(client) == b"0"
        sender.join(LONG)


def test_what_arrived_and_was_not_taken_can_be_had(server: Server) -> None:
    """By who ends a request in its midst, and keeps half a body."""
    data = os.urandom(8 * BLOCK_SIZE)
    request = put(data, "/refuse")
    server.holds_back = True
    with server.connect() as client:
        client.setblocking(False)
        sent = client.send(request)
        while True:
            try:
                sent += client.send(request[sent:])
            except BlockingIOError:
                time.sleep(0.1)
                if server.holds_back:
                    server.holds_back = False
                    break
    until(lambda: server.bodies)
    assert server.rest
    assert data.startswith(server.rest)
