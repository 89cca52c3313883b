"""Large bodies that a thread reads, on raw sockets, under both event loops."""

from __future__ import annotations

import asyncio
import contextlib
import os
import select
import socket
import threading
import time
from collections.abc import Callable, Iterator
from types import SimpleNamespace
from typing import Any, cast

import pytest
import uvicorn

from apps.core.http import fast_body
from apps.core.http.bounded_http1 import BoundedHttp1
from apps.core.http.fast_body import ASGI_EXTENSION, AT_ONCE, BLOCK_SIZE, LEAST_LEFT, RETRY_AFTER, FastBody

pytestmark = pytest.mark.integration

GET = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"
LONG = 60


def put(data: bytes, path: str = "/", headers: str = "") -> bytes:
    return f"PUT {path} HTTP/1.1\r\nHost: a\r\n{headers}Content-Length: {len(data)}\r\n\r\n".encode() + data


class Server:
    """Lets a thread read what it can, and answers each request with the number of bytes that came. Under ``/late`` it
    begins late, when much has arrived; under ``/refuse`` it answers at once; under ``/early`` it does so after a block.
    """

    def __init__(self, loop: Any) -> None:
        self.bodies: list[bytes] = []
        self.received = 0
        """Bytes of the body at work."""
        self.read: list[int] = []
        """How many bytes each thread read in one go."""
        self.whole: list[int] = []
        """The sizes of bodies that were there at once."""
        self.ends: list[str] = []
        self.fast_body: FastBody | None = None
        self.in_block: Callable[[], None] = lambda: None
        """Called with each block, on the thread."""
        self.config = config = uvicorn.Config(
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
        self.fast_body = body = scope["extensions"][ASGI_EXTENSION]["body"]
        self.received = 0
        parts: list[bytes] = []
        message = {"type": "http.request", "more_body": scope["path"] != "/refuse"}
        while message["type"] == "http.request" and message["more_body"]:
            if body.begin():
                await asyncio.to_thread(self.read_on_thread, body, parts, scope["path"] == "/early")
                body.end()
                if not body.left or scope["path"] == "/early":
                    break
            message = await receive()
            parts.append(message.get("body", b""))
            self.received += len(parts[-1])
        self.bodies.append(b"".join(parts))
        self.ends.append(message["type"])
        if message["type"] == "http.request":
            answered = str(len(self.bodies[-1])).encode()
            length = [(b"content-length", str(len(answered)).encode())]
            await send({"type": "http.response.start", "status": 200, "headers": length})
            await send({"type": "http.response.body", "body": answered})

    def read_on_thread(self, body: FastBody, parts: list[bytes], is_early: bool) -> None:
        began_with = self.received
        for block in body.blocks():
            parts.append(bytes(block))
            self.received += len(block)
            self.in_block()
            if is_early:
                break
        body.release()
        (self.whole if body._socket is None else self.read).append(self.received - began_with)

    def stop(self) -> None:
        self._server.should_exit = self._server.force_exit = True
        self._thread.join()

    @property
    def state(self) -> Any:
        return self._server.server_state

    @contextlib.contextmanager
    def connect(self) -> Iterator[socket.socket]:
        with socket.create_connection(self.address, timeout=LONG) as client:
            yield client


@pytest.fixture(params=["asyncio", "uvloop"])
def server(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    # Where it is not about time, the machine may be slow.
    monkeypatch.setattr(fast_body, "GRACE", LONG)
    monkeypatch.setattr(fast_body, "LONGEST_WAIT", LONG)
    running = Server(request.param)
    yield running
    running.stop()
    assert fast_body._readers._count == 0


def answer(client: socket.socket) -> bytes:
    """The body of the next answer, and no byte of another."""
    head = b""
    while not head.endswith(b"\r\n\r\n"):
        byte = client.recv(1)
        assert byte, "the server closed"
        head += byte
    length = int(head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0])
    return client.recv(length, socket.MSG_WAITALL)


class NotingPoll:
    """Notes for how many milliseconds it waits."""

    def __init__(self, patience: list[int]) -> None:
        self._patience = patience
        self._poll = select.poll()
        self.register = self._poll.register

    def poll(self, milliseconds: int) -> list[Any]:
        self._patience.append(milliseconds)
        return self._poll.poll(milliseconds)


def send_in_pieces(server: Server, client: socket.socket, request: bytes, start: int, size: int) -> None:
    """The rest of a request, each piece when the one before has been heard of."""
    head = request.index(b"\r\n\r\n") + 4
    for begin in range(start, len(request), size):
        until(lambda: server.received == max(begin - head, 0))  # noqa: B023
        client.sendall(request[begin : begin + size])


def until(condition: Callable[[], object]) -> None:
    deadline = time.monotonic() + LONG
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.005)


@pytest.mark.parametrize("size", [BLOCK_SIZE, 5 * BLOCK_SIZE + 7, 40 * BLOCK_SIZE])
def test_a_large_body_arrives_as_it_is_and_what_follows_too(server: Server, size: int) -> None:
    data = os.urandom(size)
    with server.connect() as client:
        for _ in range(3):
            client.sendall(put(data, "/late"))
            assert answer(client) == str(size).encode()
        client.sendall(GET)
        assert answer(client) == b"0"
    assert server.bodies == [data, data, data, b""]
    assert server.read == [size] * 3


def test_a_connection_that_was_fast_is_read_at_once(server: Server) -> None:
    data = os.urandom(BLOCK_SIZE)
    with server.connect() as client:
        client.sendall(put(data, "/late"))
        answer(client)
        client.sendall(put(data)[:-LEAST_LEFT])  # A head, and what was in the same packets, may be all that is there.
        until(lambda: fast_body._readers._count)
        client.sendall(data[-LEAST_LEFT:])
        assert answer(client) == str(len(data)).encode()
    assert server.bodies == [data, data]
    assert server.read == [len(data)] * 2


def test_requests_that_were_sent_at_once_are_answered_in_turn(server: Server) -> None:
    data = os.urandom(3 * BLOCK_SIZE)
    with server.connect() as client:
        sender = threading.Thread(target=client.sendall, args=(put(data, "/late") + GET + put(data) + GET,))
        sender.start()
        size = str(len(data)).encode()
        assert [answer(client) for _ in range(4)] == [size, b"0", size, b"0"]
        sender.join(LONG)
    assert server.bodies == [data, b"", data, b""]


def test_a_body_that_is_there_needs_no_reading(server: Server) -> None:
    with server.connect() as client:
        client.sendall(put(b"there", "/late"))
        assert answer(client) == b"5"
    assert (server.bodies, server.read, server.whole) == ([b"there"], [], [5])


def test_little_that_is_to_come_is_not_worth_the_change(server: Server) -> None:
    request = put(bytes(AT_ONCE + LEAST_LEFT - 1), "/late")
    with server.connect() as client:
        client.sendall(request[: 1 - LEAST_LEFT])
        until(lambda: server.received == AT_ONCE)
        client.sendall(request[1 - LEAST_LEFT :])
        answer(client)
    assert server.read == []


def test_a_body_of_unknown_length_goes_the_ordinary_way(server: Server) -> None:
    data = os.urandom(3 * BLOCK_SIZE)
    with server.connect() as client:
        head = b"PUT / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
        client.sendall(head + f"{len(data):x}\r\n".encode() + data + b"\r\n0\r\n\r\n")
        assert answer(client) == str(len(data)).encode()
    assert (server.bodies, server.read) == ([data], [])


def test_who_waits_to_be_asked_for_the_body_is_asked(server: Server) -> None:
    data = os.urandom(BLOCK_SIZE)
    request = put(data, headers="Expect: 100-continue\r\n")
    with server.connect() as client:
        client.sendall(put(data, "/late"))
        answer(client)
        client.sendall(request[: -len(data)])
        assert client.recv(100) == b"HTTP/1.1 100 Continue\r\n\r\n"
        client.sendall(data)
        assert answer(client) == str(len(data)).encode()


def test_who_is_slow_holds_no_thread(server: Server) -> None:
    data = os.urandom(LEAST_LEFT * 2)
    with server.connect() as client:
        request = put(data)
        for end in range(AT_ONCE // 2, len(request) + AT_ONCE // 2, AT_ONCE // 2):
            client.sendall(request[end - AT_ONCE // 2 : end])
            until(lambda: server.received >= min(end, len(request)) - (len(request) - len(data)))  # noqa: B023
        assert answer(client) == str(len(data)).encode()
    assert (server.bodies, server.read) == ([data], [])


def test_who_becomes_slow_is_heard_soon_and_may_be_fast_again(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fast_body, "GRACE", 0)
    monkeypatch.setattr(fast_body, "FAST_RATE", 1 << 50)
    patience: list[int] = []
    monkeypatch.setattr(fast_body, "select", SimpleNamespace(poll=lambda: NotingPoll(patience), POLLIN=select.POLLIN))
    data = os.urandom(16 * BLOCK_SIZE)
    request = put(data, "/late")
    with server.connect() as client:
        client.sendall(request[: AT_ONCE * 2])
        until(lambda: server.read)
        assert max(patience) <= 1
        assert server.received == AT_ONCE * 2 - (len(request) - len(data)), "what came was heard"
        assert fast_body._readers._count == 0
        client.sendall(request[AT_ONCE * 2 : RETRY_AFTER])
        until(lambda: server.received == RETRY_AFTER - (len(request) - len(data)))
        assert len(server.read) == 1, "not at once"
        monkeypatch.setattr(fast_body, "GRACE", LONG)
        client.sendall(request[RETRY_AFTER:])
        assert answer(client) == str(len(data)).encode()
    assert server.bodies == [data]
    assert len(server.read) == 2


def test_who_became_slow_is_not_taken_for_fast_the_next_time(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fast_body, "GRACE", 0)
    monkeypatch.setattr(fast_body, "FAST_RATE", 1 << 50)
    request = put(os.urandom(BLOCK_SIZE), "/late")
    piece = AT_ONCE // 2
    with server.connect() as client:
        client.sendall(request[: AT_ONCE * 2])
        until(lambda: server.read)
        send_in_pieces(server, client, request, AT_ONCE * 2, piece)
        answer(client)
        again = put(os.urandom(BLOCK_SIZE))
        client.sendall(again[:piece])
        send_in_pieces(server, client, again, piece, piece)
        answer(client)
    assert len(server.bodies) == 2
    assert len(server.read) == 1


def test_who_goes_silent_after_an_early_answer_is_cut(server: Server) -> None:
    server.config.timeout_keep_alive = 1
    request = put(os.urandom(8 * BLOCK_SIZE), "/early")
    server.in_block = lambda: server.fast_body and server.fast_body.stop()  # type: ignore[assignment,func-returns-value]
    with server.connect() as client:
        client.sendall(request[: 2 * BLOCK_SIZE])
        answer(client)
        with contextlib.suppress(ConnectionError):
            client.sendall(request[2 * BLOCK_SIZE : 2 * BLOCK_SIZE + 10])
            assert client.recv(1) == b""


def test_who_sends_long_after_an_early_answer_is_not_cut(server: Server) -> None:
    """The keep-alive time is for silence."""
    server.config.timeout_keep_alive = LONG
    request = put(os.urandom(8 * BLOCK_SIZE), "/early")
    server.in_block = lambda: server.fast_body and server.fast_body.stop()  # type: ignore[assignment,func-returns-value]
    with server.connect() as client:
        client.sendall(request[: 2 * BLOCK_SIZE])
        answer(client)
        (connection,) = server.state.connections
        until(lambda: connection.timeout_keep_alive_task)
        before = connection.timeout_keep_alive_task
        client.sendall(request[2 * BLOCK_SIZE : 2 * BLOCK_SIZE + 10])
        until(lambda: connection.timeout_keep_alive_task not in (None, before))
        assert before.cancelled()


def test_a_thread_that_waits_hears_soon_that_it_is_to_stop(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fast_body, "LONGEST_WAIT", 0.01)
    with server.connect() as client:
        client.sendall(put(os.urandom(8 * BLOCK_SIZE), "/late")[: 4 * BLOCK_SIZE])
        until(lambda: server.read)  # Though it was so fast that it might be waited for.


def test_time_that_was_saved_is_used_once(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fast_body, "GRACE", 0)
    body = FastBody(cast("Any", None), None)
    waits: list[int] = []

    def poll(milliseconds: int) -> list[int]:
        waits.append(milliseconds)
        clock[0] += 0.1
        return [1]

    clock = [0.0]
    monkeypatch.setattr(time, "perf_counter", lambda: clock[0])
    waiting = SimpleNamespace(register=lambda *_: None, poll=poll)
    monkeypatch.setattr(fast_body, "select", SimpleNamespace(poll=lambda: waiting, POLLIN=0))
    body._read = fast_body.FAST_RATE // 5  # Of 0.2 seconds.
    while body._wait(cast("Any", None)):
        pass
    assert waits == [200, 100]


def test_without_another_file_it_is_the_ordinary_way(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*args: Any) -> None:
        raise OSError

    monkeypatch.setattr(socket, "fromfd", refuse)
    data = os.urandom(2 * BLOCK_SIZE)
    with server.connect() as client:
        client.sendall(put(data, "/late"))
        assert answer(client) == str(len(data)).encode()
    assert (server.bodies, server.read) == ([data], [])


def test_a_thread_that_is_told_so_stops(server: Server) -> None:
    data = os.urandom(8 * BLOCK_SIZE)
    server.in_block = lambda: server.fast_body and server.fast_body.stop()  # type: ignore[assignment,func-returns-value]
    with server.connect() as client:
        client.sendall(put(data, "/late"))
        assert answer(client) == str(len(data)).encode()
    assert (server.bodies, server.read) == ([data], [BLOCK_SIZE])


@pytest.mark.parametrize("limits", [{"RECEIVE_BUFFER_BYTES": BLOCK_SIZE - 1}, {"WORKER_THREADS": 1}])
def test_without_a_free_thread_it_is_the_ordinary_way(server: Server, uploads: Any, limits: Any) -> None:
    uploads(**limits)
    data = os.urandom(8 * BLOCK_SIZE)
    with server.connect() as client:
        client.sendall(put(data, "/late"))
        assert answer(client) == str(len(data)).encode()
    assert (server.bodies, server.read) == ([data], [])


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


def test_what_arrived_before_a_reset_is_heard_before_it(server: Server) -> None:
    data = os.urandom(8 * BLOCK_SIZE)
    with server.connect() as client:
        request = put(data, "/late")
        client.sendall(request[: len(request) - len(data) + 2 * BLOCK_SIZE])
        until(lambda: server.received == 2 * BLOCK_SIZE)
        client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\0\0\0\0\0\0\0")
    until(lambda: server.bodies)
    assert server.bodies == [data[: 2 * BLOCK_SIZE]]
    assert server.ends == ["http.disconnect"]


@pytest.mark.parametrize(("path", "heard"), [("/refuse", b"0"), ("/early", str(BLOCK_SIZE).encode())])
def test_after_an_early_answer_the_rest_is_read_and_the_connection_goes_on(
    server: Server, path: str, heard: bytes
) -> None:
    data = os.urandom(8 * BLOCK_SIZE)
    with server.connect() as client:
        client.sendall(put(data[:BLOCK_SIZE], "/late"))
        assert answer(client) == str(BLOCK_SIZE).encode()
        sender = threading.Thread(target=client.sendall, args=(put(data, path) + GET,))
        sender.start()
        assert answer(client) == heard
        assert answer(client) == b"0"
        sender.join(LONG)


class FakeConnection:
    is_fast = True
    flow = SimpleNamespace(pause_reading=lambda: None)

    def __init__(self, **extra: Any) -> None:
        self.transport = SimpleNamespace(get_extra_info=extra.get)

    def bytes_to_come(self, cycle: Any) -> int:
        return LEAST_LEFT


def cycle(body: bytes, *, more_body: bool = True) -> Any:
    return SimpleNamespace(
        body=bytearray(body), more_body=more_body, disconnected=False, waiting_for_100_continue=False
    )


def test_an_encrypted_body_is_for_who_has_the_keys() -> None:
    assert not FastBody(FakeConnection(sslcontext=object()), cycle(b"")).begin()  # type: ignore[arg-type]


def test_what_arrived_and_was_not_taken_can_be_had() -> None:
    """By who ends a request in its midst, and keeps half a body."""
    body = FastBody(FakeConnection(), cycle(b"half"))  # type: ignore[arg-type]
    assert [body.take_rest(), body.take_rest()] == [b"half", b""]


def test_more_than_a_block_that_arrived_is_not_read_into_one() -> None:
    assert not FastBody(FakeConnection(), cycle(bytes(BLOCK_SIZE + 1))).is_due  # type: ignore[arg-type]
