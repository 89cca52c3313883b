"""What raw connections may cost and what they are told, whoever they belong to and whatever the database is."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from uuid import uuid4

import pytest
import requests

from .server_process import ServerProcess

pytestmark = [pytest.mark.integration, pytest.mark.slow]


@pytest.fixture(scope="module", params=["asgi", "wsgi"])
def server(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    process = ServerProcess(tmp_path_factory.mktemp("data"), request.param, WORKERS="1")
    process.start()
    yield process
    process.stop()


def test_pipelined_requests_whose_answers_nobody_reads_cost_bounded_memory(tmp_path: Path) -> None:
    server = ServerProcess(tmp_path, "asgi", WORKERS="1")
    server.start()
    try:
        before = _peak_memory(server)
        request = b"GET /static/js/resumable-upload-client.js HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n"
        with ThreadPoolExecutor(4) as clients:
            list(clients.map(lambda _: _send_without_reading(server.port, request * 100_000), range(4)))
        assert _peak_memory(server) - before < 30 * 2**20
    finally:
        server.stop()


def _send_without_reading(port: int, data: bytes) -> None:
    with socket.create_connection(("127.0.0.1", port)) as client:
        client.settimeout(2)
        with suppress(OSError):
            client.sendall(data)


def _peak_memory(server: ServerProcess) -> int:
    """Bytes that the server had resident at most."""
    assert server._process is not None
    status = Path(f"/proc/{server._process.pid}/status").read_text()  # The one worker, and no supervisor.
    return next(int(line.split()[1]) * 1024 for line in status.splitlines() if line.startswith("VmHWM"))


@pytest.mark.parametrize("path", ["/login/", "/admin/login/", "/api/v1/upload/init", "/api/v1/upload/no/such/path"])
def test_bodies_that_no_view_wants_are_refused_before_they_are_sent(server: ServerProcess, path: str) -> None:
    head = f"POST {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 100000000\r\n"
    multipart = "Content-Type: multipart/form-data; boundary=b\r\n\r\n"
    answer = _exchange(server.port, (head + multipart).encode())
    assert answer.startswith(b"HTTP/1.1 413 ")
    assert b"\r\nconnection: close\r\n" in answer.lower()


@pytest.mark.parametrize("server", ["wsgi"], indirect=True)
class TestBodiesUnderWsgi:
    """What gunicorn reads is ours to answer for."""

    def begin(self, server: ServerProcess) -> tuple[str, str]:
        authorization = f"Bearer {server.token}"
        begun = requests.post(
            f"{server.base_url}/api/v1/upload/init",
            json={"filename": "a.bin", "total_size": 8},
            headers={"Authorization": authorization},
            timeout=10,
        )
        return begun.json()["upload_id"], authorization

    @pytest.mark.parametrize("body", [b"zz\r\n0123\r\n0\r\n\r\n", b"4\r\n01234567", b"-4\r\n0123\r\n"])
    def test_malformed_framing_is_a_bad_request_and_ends_the_connection(
        self, server: ServerProcess, body: bytes
    ) -> None:
        upload_id, authorization = self.begin(server)
        head = (
            f"PUT /api/v1/upload/chunk/{upload_id}/0 HTTP/1.1\r\nHost: 127.0.0.1\r\n"
            f"Authorization: {authorization}\r\nTransfer-Encoding: chunked\r\n\r\n"
        )
        answer = _exchange(server.port, head.encode() + body)
        assert answer.startswith(b"HTTP/1.1 400 ")
        assert b'"code":"incomplete_body"' in answer
        assert b"\r\nconnection: close\r\n" in answer.lower()

    def test_an_answer_before_the_end_of_a_large_body_says_that_the_connection_closes(
        self, server: ServerProcess
    ) -> None:
        head = f"PUT /api/v1/upload/chunk/{uuid4()}/0 HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 100000000\r\n\r\n"
        answer = _exchange(server.port, head.encode())
        assert answer.startswith(b"HTTP/1.1 401 ")
        assert b"\r\nconnection: close\r\n" in answer.lower()

    def test_a_body_that_was_read_leaves_the_connection_open(self, server: ServerProcess) -> None:
        upload_id, authorization = self.begin(server)
        with requests.Session() as client:
            for _ in range(2):
                answer = client.put(
                    f"{server.base_url}/api/v1/upload/chunk/{upload_id}/0",
                    b"01234567",
                    headers={"Authorization": authorization},
                    timeout=10,
                )
                assert (answer.status_code, answer.headers["Connection"]) == (200, "keep-alive")


def _exchange(port: int, request: bytes) -> bytes:
    """What comes until the server closes."""
    with socket.create_connection(("127.0.0.1", port), timeout=20) as client:
        client.sendall(request)
        answer = b""
        with suppress(ConnectionResetError):
            while block := client.recv(2**16):
                answer += block
        return answer
