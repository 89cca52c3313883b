"""tus over connections that break, hang and compete, against server processes: what clients never do on purpose."""

from __future__ import annotations

import os
import random
import socket
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
import requests

from apps.core.tests.noise import noise

from .sequential_client import LONG, OFFSET_STREAM, Client, answer_on, finish
from .server_process import ServerProcess

pytestmark = pytest.mark.integration

ROUNDS = int(os.environ.get("ROUNDS", "8"))
"""How often a race is run; the more, the longer."""
MIB = 2**20


@pytest.fixture(scope="module", params=["asgi", "wsgi"])
def server(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    process = ServerProcess(tmp_path_factory.mktemp(request.param), request.param, WORKERS="2")
    process.start()
    yield process
    process.stop()


@pytest.fixture(scope="module", params=["asgi", "wsgi"])
def lone_process(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    """A server of one process, in which a newer request waits for what an older one keeps."""
    process = ServerProcess(tmp_path_factory.mktemp(request.param), request.param, WORKERS="1")
    process.start()
    yield process
    process.stop()


@pytest.fixture
def client(server: ServerProcess) -> Client:
    return Client(server)


@pytest.mark.parametrize("method", ["HEAD", "PATCH", "DELETE"])
def test_a_newer_request_ends_one_that_hangs(client: Client, method: str) -> None:
    for _ in range(ROUNDS):
        data = noise(3 * MIB)
        url = client.create(len(data))
        hanging = client.begin_patch(url, 0, len(data))
        hanging.sendall(data[: 5 * MIB // 2])
        while client.received(url) < 2 * MIB:
            pass
        if method == "DELETE":
            assert client.request("DELETE", url).status_code == 204
        elif method == "HEAD":
            assert client.offset(url) in (2 * MIB, 5 * MIB // 2)
        else:
            assert client.patch(url, 2 * MIB, data[2 * MIB : -1]).status_code == 204
        # Its own patience would last longer than this test's.
        answer = answer_on(hanging)
        assert b" 409 " in answer
        assert b"append_superseded" in answer
        hanging.close()
        if method != "DELETE":
            finish(client, url, data)


def test_looking_at_the_status_ends_nothing(client: Client) -> None:
    data = noise(2 * MIB)
    url = client.create(len(data))
    sending = client.begin_patch(url, 0, len(data))
    sending.sendall(data[:MIB])
    for _ in range(20):
        client.received(url)
    sending.sendall(data[MIB:])
    assert b" 204 " in sending.recv(65536)
    sending.close()
    assert client.stored(url) == data


def test_of_two_writers_at_one_offset_one_wins(client: Client) -> None:
    for _ in range(ROUNDS):
        data = noise(random.randint(1, 3 * MIB))
        url = client.create(len(data))
        at_once = threading.Barrier(2)
        with ThreadPoolExecutor(2) as writers:
            statuses = sorted(writers.map(lambda _: _patch_at_once(client, at_once, url, data), range(2)))  # noqa: B023
        assert statuses[0] == 204
        assert statuses[1] in (409, 413, 423)
        assert client.stored(url) == data


def _patch_at_once(client: Client, at_once: threading.Barrier, url: str, data: bytes) -> int:
    at_once.wait()
    return client.patch(url, 0, data).status_code


def test_a_patch_is_cut_while_somebody_asks(client: Client) -> None:
    for _ in range(ROUNDS):
        data = noise(2 * MIB)
        url = client.create(len(data))
        sending = client.begin_patch(url, 0, len(data))
        sending.sendall(data[: random.randint(1, len(data) - 1)])
        asked: list[int] = []
        asking = threading.Thread(target=lambda: asked.append(client.offset(url)))  # noqa: B023
        asking.start()
        sending.close()
        asking.join()
        assert 0 <= asked[0] < len(data)
        finish(client, url, data, tries=3)


@pytest.mark.parametrize("cut", [*range(40), 1000, 65_535, 65_536, 65_537, MIB - 1, MIB, MIB + 1])
def test_what_arrived_before_a_cut_is_kept(lone_process: ServerProcess, cut: int) -> None:
    client = Client(lone_process)
    data = noise(MIB + 100)
    # A newer request does not wait for an older one for ever; on a busy machine maybe not long enough.
    assert any(_offset_after_cut(client, data, cut) == cut for _ in range(5))


def _offset_after_cut(client: Client, data: bytes, cut: int) -> int:
    url = client.create(len(data))
    sending = client.begin_patch(url, 0, len(data))
    sending.sendall(data[:cut])
    sending.shutdown(socket.SHUT_WR)
    answer_on(sending)
    sending.close()
    offset = client.offset(url)
    if offset == cut:  # Else the older request is still to keep what it got, and moves the offset when it does.
        finish(client, url, data)
    return offset


def test_continue_is_asked_for_before_the_bytes_are_sent(client: Client) -> None:
    url = client.create(10)
    sending = client.begin_patch(url, 0, 10, "Expect: 100-continue")
    assert sending.recv(65536).startswith((b"HTTP/1.1 100 ", b"HTTP/1.0 100 "))
    sending.sendall(b"0123456789")
    assert b" 204 " in sending.recv(65536)
    sending.close()
    refused = client.begin_patch(url, 5, 10, "Expect: 100-continue")
    # gunicorn asks for the bytes before it hands the head over.
    assert b"HTTP/1.1 409 " in (
        refused.recv(65536) if client.server.environment["SERVER"] == "asgi" else answer_on(refused)
    )
    refused.close()


def test_a_chunked_body_is_taken_as_it_comes(client: Client) -> None:
    url = client.create(10)
    sent = {**client.headers, **OFFSET_STREAM, "Upload-Offset": "0"}
    answer = requests.patch(
        client.server.base_url + url, data=iter([b"0123", b"456", b"789"]), headers=sent, timeout=LONG
    )
    assert (answer.status_code, answer.headers["Upload-Offset"]) == (204, "10")
    assert client.stored(url) == b"0123456789"


@pytest.mark.parametrize("kind", ["asgi", "wsgi"])
def test_a_silent_client_is_given_up_and_its_bytes_are_kept(
    kind: str, tmp_path_factory: pytest.TempPathFactory
) -> None:
    server = ServerProcess(tmp_path_factory.mktemp("silent"), kind, WORKERS="1", RECEIVE_TIMEOUT="1")
    server.start()
    client = Client(server)
    data = noise(MIB + 100)
    try:
        url = client.create(len(data))
        sending = client.begin_patch(url, 0, len(data))
        sending.sendall(data[: MIB + 5])
        assert answer_on(sending).startswith(b"HTTP/1.1 408 ")
        sending.close()
        # Under WSGI the bytes of a block that was not whole are lost with it.
        assert client.offset(url) in ((MIB + 5,) if kind == "asgi" else (MIB, MIB + 5))
        finish(client, url, data)
    finally:
        server.stop()


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["asgi", "wsgi"])
def test_a_kill_in_the_middle_loses_nothing_that_was_told(kind: str, tmp_path_factory: pytest.TempPathFactory) -> None:
    server = ServerProcess(tmp_path_factory.mktemp("kills"), kind, WORKERS="2")
    server.start()
    client = Client(server)
    data = noise(8 * MIB)
    try:
        for _ in range(ROUNDS):
            url = client.create(len(data))
            told = 0
            assert client.patch(url, 0, data[:MIB]).status_code == 204
            sending = client.begin_patch(url, MIB, len(data) - MIB)
            sending.sendall(data[MIB : random.randint(MIB, len(data) - 1)])
            server.kill()
            sending.close()
            server.start()
            told = client.offset(url)
            assert MIB <= told < len(data)
            finish(client, url, data)
    finally:
        server.stop()
