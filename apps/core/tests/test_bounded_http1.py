"""The bounds of uvicorn's HTTP/1, on raw sockets. Times are set so that they pass at once, or never in a test."""

from __future__ import annotations

import asyncio
import contextlib
import json
import socket
import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest
import uvicorn

from apps.core.http import bounded_http1
from apps.core.http.bounded_http1 import MAX_HEAD_SIZE, MAX_PIPELINED, BoundedHttp1, http1_class

pytestmark = pytest.mark.integration

GET = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"


class Server:
    """Answers each request with its path; ``/wait`` when it is told to, ``/large`` with more than a socket takes."""

    def __init__(self) -> None:
        self.go = asyncio.Event()
        self.gone = threading.Event()
        self.begun = 0
        config = uvicorn.Config(
            self.application, interface="asgi3", http=BoundedHttp1, port=0, log_level="critical", lifespan="off"
        )
        self._server = uvicorn.Server(config)
        self._thread = threading.Thread(target=self._server.run, daemon=True)
        self._thread.start()
        while not self._server.started:
            self._thread.join(0.01)
        self.address = self._server.servers[0].sockets[0].getsockname()

    async def application(self, scope: Any, receive: Any, send: Any) -> None:
        self.begun += 1
        body = scope["path"].encode()
        if scope["path"] == "/wait":
            await self.go.wait()
        if scope["path"] == "/read":
            body = b""
            while (message := await receive())["type"] == "http.request":
                body += message["body"]
                if not message["more_body"]:
                    break
        if scope["path"] == "/headers":
            body = b" ".join(name for name, _ in scope["headers"])
        if scope["path"] == "/until-gone":
            while (await receive())["type"] != "http.disconnect":
                pass
            self.gone.set()
            return
        if scope["path"] == "/large":
            body = b"x" * 2**20
        await send({"type": "http.response.start", "status": 200, "headers": []})
        for _ in range(100 if scope["path"] == "/large" else 1):
            await send({"type": "http.response.body", "body": body, "more_body": True})
        await send({"type": "http.response.body", "body": b""})

    def let_go(self) -> None:
        self.call(self.go.set)

    def call(self, function: Any, *args: Any) -> None:
        """In the server's thread."""
        loop: Any = self._server.servers[0].get_loop()
        loop.call_soon_threadsafe(function, *args)

    @property
    def connections(self) -> int:
        return len(self._server.server_state.connections)

    def stop(self) -> None:
        self.let_go()
        self._server.should_exit = self._server.force_exit = True
        self._thread.join()

    @contextlib.contextmanager
    def connect(self) -> Iterator[socket.socket]:
        with socket.create_connection(self.address, timeout=20) as client:
            yield client


@pytest.fixture
def server() -> Iterator[Server]:
    running = Server()
    yield running
    running.stop()


def read_all(client: socket.socket) -> bytes:
    """What comes until the server closes."""
    answers = b""
    with contextlib.suppress(ConnectionResetError):
        while block := client.recv(2**16):
            answers += block
    return answers


def more(client: socket.socket) -> bytes:
    block = client.recv(2**16)
    assert block, "the server closed"
    return block


def problem(answer: bytes) -> dict[str, Any]:
    head, _, body = answer.partition(b"\r\n\r\n")
    assert b"application/problem+json" in head
    found: dict[str, Any] = json.loads(body)
    return found


def until(condition: Any) -> None:
    deadline = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)


@pytest.mark.parametrize(
    "head",
    [
        b"GET / HTTP/1.1\r\nHost: a\r\nX: " + b"x" * 2 * MAX_HEAD_SIZE,
        b"GET / HTTP/1.1\r\n" + b"X: y\r\n" * MAX_HEAD_SIZE,
        b"GET /" + b"x" * 2 * MAX_HEAD_SIZE,
        b"GET / HTTP/1.1\r\nHost: a\r\n" + (b"X: " + b"x" * 8_000 + b"\r\n") * 9 + b"\r\n",
        b"GET / HTTP/1.1\r\nHost: a\r\nX: " + b"x" * 9_000 + b"\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: a\r\nContent-Type: a/b;" + b";" * 2_000 + b"\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: a\r\n" + b"X: y\r\n" * 101 + b"\r\n",
    ],
    ids=["endless value", "endless headers", "endless path", "all", "one field", "type", "number of fields"],
)
@pytest.mark.parametrize("before", [b"", GET], ids=["first", "after another"])
def test_heads_are_bounded(server: Server, head: bytes, before: bytes) -> None:
    with server.connect() as client:
        if before:
            client.sendall(before)
            client.recv(2**16)
        with contextlib.suppress(ConnectionError):
            client.sendall(head)
        answer = read_all(client)
    assert answer.startswith(b"HTTP/1.1 431 ")
    assert problem(answer)["code"] == "head_too_large"
    assert server.begun == (1 if before else 0)


def test_a_large_head_within_the_bound_is_taken_also_in_small_pieces(server: Server) -> None:
    with server.connect() as client:
        for piece in (b"GET /a HTTP/1.1\r\nHost: a\r\n", (b"X: " + b"x" * 7_500 + b"\r\n") * 8, b"\r\n"):
            client.sendall(piece)
        assert client.recv(2**16).startswith(b"HTTP/1.1 200 ")


def test_a_large_body_is_no_head(server: Server) -> None:
    body = b"b" * 4 * MAX_HEAD_SIZE
    with server.connect() as client:
        for _ in range(2):
            client.sendall(b"PUT /read HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\n" % len(body) + body)
            answer = b""
            while not answer.endswith(b"0\r\n\r\n"):
                answer += more(client)
            assert answer.count(b"b") == len(body)


class TestTimes:
    @pytest.fixture(autouse=True)
    def _soon(self, monkeypatch: pytest.MonkeyPatch, uploads: Any) -> None:
        monkeypatch.setattr(bounded_http1, "HEAD_TIMEOUT", 0.05)
        uploads(SEND_TIMEOUT=0.05)

    @pytest.mark.parametrize("begun", [b"GET / HT", GET[:-2], GET + b"GET "], ids=["line", "headers", "the next"])
    def test_a_head_that_does_not_end_is_cut(self, server: Server, begun: bytes) -> None:
        with server.connect() as client:
            client.sendall(begun)
            answers = read_all(client)
        assert b"HTTP/1.1 408 " in answers
        assert problem(answers[answers.index(b"HTTP/1.1 408 ") :])["code"] == "head_timeout"

    def test_a_connection_that_says_nothing_is_closed(self, server: Server) -> None:
        with server.connect() as client:
            assert read_all(client) == b""

    def test_a_request_may_take_longer_than_its_head(self, server: Server) -> None:
        with server.connect() as client:
            client.sendall(GET.replace(b"/ ", b"/wait "))
            until(lambda: server.begun)
            time.sleep(0.1)  # Longer than the timeout, which would have ended it.
            server.let_go()
            assert client.recv(2**16).startswith(b"HTTP/1.1 200 ")

    def test_who_does_not_read_is_cut_off(self, server: Server) -> None:
        with server.connect() as client:
            client.sendall(GET.replace(b"/ ", b"/large "))
            until(lambda: server.begun and not server.connections)


def test_pipelined_requests_are_answered_in_order(server: Server) -> None:
    with server.connect() as client:
        client.sendall(b"".join(GET.replace(b"/ ", b"/%d " % number) for number in range(MAX_PIPELINED)))
        answers = b""
        while answers.count(b"0\r\n\r\n") < MAX_PIPELINED:
            answers += more(client)
    found = [answers.index(b"\r\n/%d\r\n" % number) for number in range(MAX_PIPELINED)]
    assert found == sorted(found)


def test_of_endless_pipelined_requests_some_are_answered_and_no_more_are_kept(server: Server) -> None:
    with server.connect() as client:
        client.sendall(GET.replace(b"/ ", b"/wait ") + GET * 10_000)
        until(lambda: server.begun)
        server.let_go()
        answers = read_all(client)
    assert answers.count(b"HTTP/1.1 200") == server.begun == MAX_PIPELINED + 1


def test_the_body_of_the_last_request_that_is_taken_is_read(server: Server) -> None:
    body = b"b" * 1000
    with server.connect() as client:
        # In one write, since nothing is read after requests that wait.
        head = b"PUT /read HTTP/1.1\r\nHost: a\r\nContent-Length: 1000\r\n\r\n"
        client.sendall(GET.replace(b"/ ", b"/wait ") + GET * (MAX_PIPELINED - 1) + head)
        until(lambda: server.begun)
        client.sendall(body + GET)
        server.let_go()
        answers = read_all(client)
    assert answers.count(b"HTTP/1.1 200") == MAX_PIPELINED + 1
    assert body in answers


def test_a_client_that_goes_silent_in_a_body_that_is_answered_is_cut(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    with server.connect() as client:
        client.sendall(b"PUT /early HTTP/1.1\r\nHost: a\r\nContent-Length: 1000\r\n\r\n")
        client.recv(2**16)
        for connection in list(server._server.server_state.connections):
            connection.timeout_keep_alive = 0  # type: ignore[union-attr]
        client.sendall(b"b")
        assert read_all(client) in (b"", b"0\r\n\r\n")


def test_another_uvicorn_is_served_as_it_is_with_a_loud_warning(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    assert http1_class() is BoundedHttp1
    monkeypatch.setattr(uvicorn, "__version__", "99.1.0")
    assert http1_class() == "auto"
    assert "99.1.0" in caplog.text


class TestTrailers:
    HEAD = b"PUT %s HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"

    def test_they_are_no_headers(self, server: Server) -> None:
        with server.connect() as client:
            client.sendall(self.HEAD % b"/headers" + b"1\r\na\r\n0\r\nAuthorization: Bearer x\r\n\r\n")
            answer = client.recv(2**16)
        assert b"host transfer-encoding" in answer
        assert b"authorization" not in answer

    @pytest.mark.parametrize("endless", [b"X: y\r\n" * 10_000, b"X: " + b"y" * 100_000], ids=["many", "one"])
    @pytest.mark.parametrize("path", [b"/read", b"/early"])
    def test_they_do_not_go_on_for_ever(self, server: Server, path: bytes, endless: bytes) -> None:
        with server.connect() as client, contextlib.suppress(ConnectionError):
            client.sendall(self.HEAD % path + b"0\r\n")
            for _ in range(100):
                client.sendall(endless)
            pytest.fail("all of it was taken")

    def test_large_bodies_before_it_count_for_nothing(self, server: Server) -> None:
        body = b"b" * 4 * MAX_HEAD_SIZE
        with server.connect() as client:
            for _ in range(3):
                client.sendall(b"PUT /read HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\nb" % len(body))
                time.sleep(0.01)  # So that it comes in two pieces.
                client.sendall(body[1:])
                answer = b""
                while not answer.endswith(b"0\r\n\r\n"):
                    answer += more(client)
                assert answer.count(b"b") == len(body)

    def test_a_body_in_chunks_of_one_byte_is_a_body(self, server: Server) -> None:
        with server.connect() as client:
            client.sendall(self.HEAD % b"/read" + b"1\r\nb\r\n" * 100_000 + b"0\r\n\r\n")
            answer = b""
            while not answer.endswith(b"0\r\n\r\n"):
                answer += more(client)
        assert answer.count(b"b") == 100_000


def test_the_request_at_work_hears_that_its_client_is_gone_when_others_wait(server: Server) -> None:
    with server.connect() as client:
        client.sendall(GET.replace(b"/ ", b"/until-gone ") + GET)
        until(lambda: server.begun)
    assert server.gone.wait(20)


def test_blank_lines_behind_a_request_leave_its_answer_alone(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bounded_http1, "HEAD_TIMEOUT", 0.05)
    with server.connect() as client:
        client.sendall(GET.replace(b"/ ", b"/wait "))
        until(lambda: server.begun)
        client.sendall(b"\r\n")
        time.sleep(0.1)  # Longer than the timeout, which would have ended it.
        server.let_go()
        assert client.recv(2**16).startswith(b"HTTP/1.1 200 ")


def test_who_takes_an_answer_slowly_is_not_one_who_does_not(server: Server) -> None:
    with server.connect() as client:
        client.sendall(GET.replace(b"/ ", b"/large "))
        until(lambda: server.connections)
        (connection,) = server._server.server_state.connections
        assert isinstance(connection, BoundedHttp1)
        until(lambda: connection._send_timer is not None)
        before = connection._not_taken()
        client.recv(2**16)
        until(lambda: connection._not_taken() < before)
        server.call(connection._abort_unless_some_was_taken, before)
        assert client.recv(1)
        server.call(connection._abort_unless_some_was_taken, 0)
        until(lambda: not server.connections)
