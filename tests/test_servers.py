"""What only whole servers show: killed processes, many processes at once, slow clients, clean ends."""

from __future__ import annotations

import base64
import hashlib
import random
import socket
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from contextlib import ExitStack
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import pytest
import requests

from apps.core.tests.api import Api, content_digest, sha256
from apps.core.tests.noise import noise

from .server_process import ServerProcess

pytestmark = [pytest.mark.integration, pytest.mark.slow]

MIB = 1024 * 1024


@pytest.fixture(params=["asgi", "wsgi"])
def server(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[ServerProcess]:
    process = ServerProcess(tmp_path / "data", request.param)
    process.start()
    yield process
    process.stop()


@pytest.fixture
def api(server: ServerProcess) -> Iterator[Api]:
    with Api(server.base_url, server.token) as client:
        yield client


def slow_put(server: ServerProcess, upload_id: str, index: int, size: int) -> socket.socket:
    """A PUT whose head is sent and whose body the caller sends as slowly as it likes."""
    connection = socket.create_connection(("127.0.0.1", server.port))
    connection.sendall(
        f"PUT /api/v1/upload/chunk/{upload_id}/{index} HTTP/1.1\r\nHost: 127.0.0.1\r\n"
        f"Authorization: Bearer {server.token}\r\nContent-Length: {size}\r\n\r\n".encode()
    )
    return connection


def test_killed_in_the_middle_and_resumed_as_the_quick_reference_says(server: ServerProcess, api: Api) -> None:
    """300 MB; the server dies of SIGKILL in the middle; only missing chunks are sent; the hashes are equal."""
    api_url, http = api.url, api.http
    file_data = b"\xff\xd8\xff\xe0" + noise(300_000_000)
    file_hash = hashlib.sha256(file_data).hexdigest()
    session = http.post(
        f"{api_url}/init",
        json={"filename": "file.jpg", "total_size": len(file_data), "mime_type": "image/jpeg", "file_hash": file_hash},
    ).json()
    upload_id, chunk_size = session["upload_id"], session["chunk_size"]

    def send(chunk_index: int) -> bool:
        chunk = file_data[chunk_index * chunk_size : (chunk_index + 1) * chunk_size]
        document = {
            "upload_id": upload_id,
            "chunk_index": chunk_index,
            "chunk_data": base64.b64encode(chunk).decode(),
            "checksum": hashlib.sha256(chunk).hexdigest(),
        }
        return http.post(f"{api_url}/chunk", json=document, timeout=30).status_code == 200

    acknowledged: set[int] = set()
    killer = threading.Thread(target=server.kill)
    order = random.Random(1).sample(range(session["total_chunks"]), session["total_chunks"])
    for sent, index in enumerate(order):
        if sent == len(order) // 3:
            killer.start()
        try:
            if send(index):
                acknowledged.add(index)
        except (requests.ConnectionError, requests.exceptions.ChunkedEncodingError):
            break
    killer.join()
    assert 0 < len(acknowledged) < session["total_chunks"]

    server.start()
    status = http.get(f"{api_url}/status/{upload_id}").json()
    missing = status["progress"]["missing_chunks"]
    assert not acknowledged & set(missing)
    assert len(missing) >= session["total_chunks"] - len(acknowledged) - 1
    for chunk_index in missing:
        assert send(chunk_index)
    result = api.complete(upload_id)
    while result.status_code == 202:
        time.sleep(float(result.headers["Retry-After"]))
        result = api.complete(upload_id)
    file = result.json()["file"]
    assert file["sha256"] == file_hash
    with http.get(server.base_url + file["url"], stream=True, timeout=30) as download:
        digest = hashlib.sha256()
        for block in download.iter_content(MIB):
            digest.update(block)
    assert digest.hexdigest() == file_hash


def send_all_twice(arguments: tuple[str, str, str, bytes, int, int]) -> set[int]:
    """One of many processes: every chunk twice, in an order of its own."""
    base_url, token, upload_id, data, chunk_size, seed = arguments
    order = [*range(-(-len(data) // chunk_size))] * 2
    random.Random(seed).shuffle(order)
    statuses = set()
    with Api(base_url, token) as api:
        for index in order:
            chunk = data[index * chunk_size : (index + 1) * chunk_size]
            if seed % 2:
                statuses.add(api.put(upload_id, index, chunk, content_digest(chunk)).status_code)
            else:
                statuses.add(api.post_chunk(upload_id, index, chunk).status_code)
    return statuses


def test_eight_processes_send_the_same_chunks_twice_in_random_order(server: ServerProcess, api: Api) -> None:
    chunk_size = 64 * 1024
    data = noise(chunk_size * 200 - 5)
    upload_id = api.init(data, chunk_size=chunk_size)
    work = [(server.base_url, server.token, upload_id, data, chunk_size, seed) for seed in range(8)]
    with ProcessPoolExecutor(8, mp_context=get_context("spawn")) as processes:
        statuses = set().union(*processes.map(send_all_twice, work))
    assert statuses == {200}
    progress = api.status(upload_id).json()["progress"]
    assert progress["received_chunks"] == 200
    assert progress["received_bytes"] == len(data)
    assert api.complete(upload_id).json()["file"]["sha256"] == sha256(data)


def test_two_completes_at_once_get_the_same_answer(server: ServerProcess, api: Api) -> None:
    data = noise(40 * MIB)
    upload_id = api.init(data)
    api.send(upload_id, data, MIB)

    def complete(_: int) -> Any:
        with Api(server.base_url, server.token) as client:
            answer = client.complete(upload_id)
            while answer.status_code == 202:
                answer = client.complete(upload_id)
            return answer.json()["file"]

    with ThreadPoolExecutor(4) as threads:
        files = list(threads.map(complete, range(4)))
    assert files == [files[0]] * 4
    metrics = api.http.get(f"{server.base_url}/metrics").text
    assert 'resumable_upload_assemble_seconds_count{outcome="completed"} 1.0' in metrics


def test_bytes_damaged_on_disk_are_found_and_sent_again(server: ServerProcess, api: Api) -> None:
    data = noise(20 * MIB)
    upload_id = api.init(data)
    api.send(upload_id, data, MIB)
    part = next((server.directory / "media" / "uploads" / "staging").glob("*.part"))
    with part.open("r+b") as file:
        for index in (4, 11):
            file.seek(index * MIB + 1000)
            file.write(b"damage")
    assert api.complete(upload_id).json()["missing_chunks"] == [4, 11]
    api.send(upload_id, data, MIB, indices=[4, 11])
    assert api.complete(upload_id).json()["file"]["sha256"] == sha256(data)


def test_a_client_that_breaks_off_leaves_nothing_and_holds_up_nobody(server: ServerProcess, api: Api) -> None:
    data = noise(2 * MIB)
    upload_id = api.init(data)
    stuck = slow_put(server, upload_id, 0, MIB)
    stuck.sendall(data[: MIB // 2])
    assert api.put(upload_id, 0, data[:MIB]).status_code == 200  # The same chunk, while the other one hangs.
    broken = slow_put(server, upload_id, 1, MIB)
    broken.sendall(b"x" * (MIB // 2))
    broken.close()
    assert api.status(upload_id).json()["progress"]["missing_chunks"] == [1]
    api.send(upload_id, data, MIB, indices=[1])
    assert api.complete(upload_id).json()["file"]["sha256"] == sha256(data)
    stuck.close()


def test_fifty_clients_of_a_byte_a_second_leave_status_quick(tmp_path: Path) -> None:
    server = ServerProcess(tmp_path / "data", "asgi")
    server.start()
    try:
        with Api(server.base_url, server.token) as api:
            upload_id = api.init(b"x" * 50 * 65536, chunk_size=65536)
            slow = [slow_put(server, upload_id, index, 65536) for index in range(50)]
            slowest = 0.0
            for _ in range(3):
                for connection in slow:
                    connection.sendall(b"x")
                started = time.monotonic()
                assert api.status(upload_id).status_code == 200
                slowest = max(slowest, time.monotonic() - started)
                time.sleep(1)
            assert slowest < 1
            for connection in slow:
                connection.close()
    finally:
        server.stop()


def test_sigterm_ends_it_within_ten_seconds_and_keeps_what_was_acknowledged(server: ServerProcess, api: Api) -> None:
    data = noise(3 * MIB)
    upload_id = api.init(data)
    api.send(upload_id, data, MIB, indices=[0, 2])
    hanging = slow_put(server, upload_id, 1, MIB)
    hanging.sendall(data[MIB : MIB + 1000])
    time.sleep(0.2)
    assert server.stop() < 10
    server.start()
    assert api.status(upload_id).json()["progress"]["missing_chunks"] == [1]
    hanging.close()


def test_a_server_killed_while_assembling_is_taken_over(tmp_path: Path) -> None:
    server = ServerProcess(tmp_path / "data", "asgi")
    server.start()
    try:
        with Api(server.base_url, server.token) as api:
            data = bytes(400 * MIB)
            upload_id = api.init(data)
            for index in range(400):
                api.put(upload_id, index, data[:MIB])

            def complete() -> None:
                with pytest.raises(requests.ConnectionError):
                    api.complete(upload_id)

            lost = threading.Thread(target=complete)
            lost.start()
            while api.status(upload_id).json()["status"] == "active":
                time.sleep(0.01)
            server.kill()
            lost.join()
            server.start()
            deadline = time.monotonic() + 40
            while api.status(upload_id).json()["status"] == "assembling":
                assert time.monotonic() < deadline
                time.sleep(0.5)
            assert api.status(upload_id).json()["file"]["sha256"] == sha256(data)
    finally:
        server.stop()


@pytest.mark.parametrize("kind", ["asgi", "wsgi"])
def test_a_silent_client_is_cut_by_the_receive_timeout(tmp_path: Path, kind: str) -> None:
    """The default is a minute; this needs settings of its own."""
    server = ServerProcess(tmp_path / "data", kind, RECEIVE_TIMEOUT="1")
    server.start()
    try:
        with Api(server.base_url, server.token) as api:
            upload_id = api.init(b"x" * 65536, chunk_size=65536)
            silent = slow_put(server, upload_id, 0, 65536)
            silent.sendall(b"x" * 100)
            silent.settimeout(10)
            assert silent.recv(65536).startswith(b"HTTP/1.1 408")
            silent.close()
            assert api.put(upload_id, 0, b"x" * 65536).status_code == 200
    finally:
        server.stop()


def test_a_dripping_client_is_cut_by_the_least_rate(tmp_path: Path) -> None:
    server = ServerProcess(tmp_path / "data", "asgi", RECEIVE_TIMEOUT="1")
    server.start()
    try:
        with Api(server.base_url, server.token) as api:
            upload_id = api.init(b"x" * 65536, chunk_size=65536)
            dripping = slow_put(server, upload_id, 0, 65536)
            dripping.settimeout(0.3)
            answer = b""
            for _ in range(20):
                dripping.sendall(b"x")
                try:
                    answer = dripping.recv(65536)
                    break
                except TimeoutError:
                    continue
            assert answer.startswith(b"HTTP/1.1 408")
            dripping.close()
    finally:
        server.stop()


def test_the_token_command_prints_only_the_token_and_always_the_same(server: ServerProcess) -> None:
    printed = {server.run("-m", "intelliwiz_config.demo") for _ in range(2)}
    assert printed == {server.token + "\n"}


def test_cleanup_runs_beside_the_server(server: ServerProcess, api: Api) -> None:
    data = noise(2 * MIB)
    upload_id = api.init(data)
    api.send(upload_id, data, MIB, indices=[0])
    output = server.run("manage.py", "cleanup_expired_uploads", "--verbose")
    assert output.startswith("0 sessions expired")
    api.send(upload_id, data, MIB, indices=[1])
    assert api.complete(upload_id).status_code == 200


def test_what_it_logs_is_json_with_a_correlation_id_and_no_secrets(server: ServerProcess, api: Api) -> None:
    upload_id = api.init(b"0123", "secret-name.bin")
    api.put(upload_id, 0, b"0123", {"X-Request-ID": "trace-me"})
    time.sleep(0.2)
    log = server.log.read_text().split("Try it:")[1].split("\n", 4)[4]
    assert '"correlation_id": "trace-me"' in log
    assert "secret-name" not in log
    assert server.token not in log
    assert str(server.directory) not in log


@pytest.mark.parametrize("kind", ["asgi", "wsgi"])
def test_downloads_that_nobody_reads_keep_no_database_from_others(tmp_path: Path, kind: str) -> None:
    server = ServerProcess(tmp_path, kind, WORKERS="1", DATABASE_POOL_SIZE="2")
    server.start()
    try:
        with Api(server.base_url, server.token) as api, ExitStack() as stalled:
            url = api.upload(noise(20 * MIB))["file"]["url"]
            for _ in range(6):
                client = stalled.enter_context(socket.create_connection(("127.0.0.1", server.port), timeout=20))
                client.sendall(
                    f"GET {url} HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer {server.token}\r\n\r\n".encode()
                )
                assert client.recv(100).startswith(b"HTTP/1.1 200 ")
            assert api.get("").status_code == 200
            assert api.init(b"0123")
    finally:
        server.stop()
