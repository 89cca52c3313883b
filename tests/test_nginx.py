"""The configuration in ``deploy/``, in a real nginx, in front of gunicorn: it bounds what gunicorn cannot."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, suppress
from pathlib import Path

import pytest
import requests

from apps.core.protocols.s3 import PART_SIZE
from apps.core.tests.api import Api
from apps.core.tests.noise import noise
from apps.core.tests.s3_client import S3
from apps.core.tests.test_ietf import Draft
from apps.core.tests.tus_client import Tus

from .server_process import PROJECT, ServerProcess, free_port

# It is where only root looks.
NGINX = shutil.which("nginx", path=f"{os.environ['PATH']}:/usr/sbin")

pytestmark = [
    pytest.mark.integration,
    pytest.mark.slow,
    pytest.mark.skipif(NGINX is None, reason="needs nginx: apt install nginx-light"),
]

MAIN = """
daemon off;
pid {directory}/nginx.pid;
error_log stderr warn;
events {{ worker_connections 256; }}
http {{
    access_log off;
    client_body_temp_path {directory}/body;
    proxy_temp_path {directory}/proxy;
    fastcgi_temp_path {directory}/fastcgi;
    uwsgi_temp_path {directory}/uwsgi;
    scgi_temp_path {directory}/scgi;
    include {directory}/site.conf;
}}
"""


class Nginx:
    """nginx with the site of ``deploy/``, but for what a test cannot have: its ports, TLS, and patience."""

    def __init__(self, directory: Path, server: ServerProcess, *, upstream: str = "", **replaced: str) -> None:
        self.log = directory / "access.log"
        self.port = free_port()
        self.base_url = f"http://127.0.0.1:{self.port}"
        site = (PROJECT / "deploy/nginx.conf").read_text()
        lines = [line for line in site.splitlines() if "ssl_certificate" not in line]
        site = "\n".join(lines)
        if upstream:
            before, _, after = site.partition("upstream uploads {")
            site = before + upstream + after.partition("}")[2]
        else:
            replaced = {"server 127.0.0.1:8000": f"server 127.0.0.1:{server.port}", **replaced}
        for old, new in {
            "listen 443 ssl": f"listen 127.0.0.1:{self.port}",
            "/var/log/nginx/access.log": str(directory / "access.log"),
            **replaced,
        }.items():
            assert old in site, old
            site = site.replace(old, new)
        directory.mkdir(mode=0o755)
        (directory / "site.conf").write_text(site)
        (directory / "nginx.conf").write_text(MAIN.format(directory=directory))
        user = ["-g", "user root;"] if os.geteuid() == 0 else []
        assert NGINX is not None
        command = [NGINX, "-p", str(directory), "-c", str(directory / "nginx.conf"), "-e", "stderr", *user]
        self._process = subprocess.Popen(command, stderr=subprocess.DEVNULL)
        _until(self._answers)

    def _answers(self) -> bool:
        with suppress(requests.ConnectionError):
            return requests.get(f"{self.base_url}/healthz", timeout=5).ok
        return False

    def stop(self) -> None:
        self._process.terminate()
        self._process.wait()

    def connect(self) -> socket.socket:
        return socket.create_connection(("127.0.0.1", self.port), timeout=20)


def _until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.05)


@pytest.fixture
def server(tmp_path: Path) -> Iterator[ServerProcess]:
    process = ServerProcess(
        tmp_path / "data", "wsgi", WORKERS="1", THREADS="2", FORWARDED_ALLOW_IPS="127.0.0.1", ALLOWED_HOSTS="127.0.0.1"
    )
    process.start()
    yield process
    process.stop()


@pytest.fixture
def nginx(tmp_path: Path, server: ServerProcess) -> Iterator[Nginx]:
    running = Nginx(tmp_path / "nginx", server)
    yield running
    running.stop()


@pytest.fixture
def impatient(tmp_path: Path, server: ServerProcess) -> Iterator[Nginx]:
    """The same, with a second where it has ten."""
    running = Nginx(
        tmp_path / "nginx",
        server,
        **{f"client_{part}_timeout 10s": f"client_{part}_timeout 1s" for part in ("header", "body")},
    )
    yield running
    running.stop()


def test_an_upload_passes_through_it(nginx: Nginx, server: ServerProcess) -> None:
    data = noise(3_000_000)
    with Api(nginx.base_url, server.token) as api:
        url = api.upload(data)["file"]["url"]
        assert api.http.get(nginx.base_url + url).content == data


def test_tus_passes_through_it_and_keeps_what_came_of_a_broken_request(nginx: Nginx, server: ServerProcess) -> None:
    data = noise(3_000_000)
    with Api(nginx.base_url, server.token) as api:
        tus = Tus(api)
        url = tus.create(len(data))
        with nginx.connect() as connection:
            lines = [f"PATCH {url} HTTP/1.1", f"Host: 127.0.0.1:{nginx.port}", f"Content-Length: {len(data)}"]
            lines += [f"Authorization: Bearer {server.token}", "Tus-Resumable: 1.0.0", "Upload-Offset: 0"]
            lines += ["Content-Type: application/offset+octet-stream", "", ""]
            connection.sendall("\r\n".join(lines).encode() + data[:2_000_000])
            _until(lambda: api.status(tus.id_of(url)).json()["progress"]["received_bytes"] > 0)
        offset = tus.offset(url)
        assert 0 < offset <= 2_000_000
        assert tus.patch(url, offset, data[offset:]).status_code == 204
        assert api.get(f"file/{tus.id_of(url)}").content == data


def test_the_draft_passes_through_it_without_interim_responses(tmp_path: Path, server: ServerProcess) -> None:
    server.stop()
    server.environment["INTERIM_SECONDS"] = "0"
    server.start()
    nginx = Nginx(tmp_path / "nginx", server)
    try:
        with Api(nginx.base_url, server.token) as api:
            answer = Draft(api).create(b"x" * 2_000_000, ends=True)
            assert answer.status_code == 201, answer.text
    finally:
        nginx.stop()


def test_uppys_s3_contract_passes_through_it(nginx: Nginx, server: ServerProcess) -> None:
    data = noise(6_000_000)
    with Api(nginx.base_url, server.token) as api:
        client = S3(api)
        upload_id = client.create()
        for number, begin in ((2, PART_SIZE), (1, 0)):
            assert client.put(upload_id, number, data[begin : begin + PART_SIZE]).status_code == 200
        location = client.complete(upload_id).json()["location"]
        assert location.startswith(nginx.base_url)
        assert api.http.get(location).content == data
        assert client.send(client.parameters().json()["url"], data).status_code == 204


def test_it_logs_no_permits(nginx: Nginx, server: ServerProcess) -> None:
    with Api(nginx.base_url, server.token) as api:
        client = S3(api)
        url = client.sign(client.create(), 1)
        assert client.send(url, b"1").status_code == 200
        signed = S3(api, f"{api.url}/for/secret")
        assert signed.parameters().status_code == 403
    _until(lambda: nginx.log.read_text().count("\n") > 3)
    said = nginx.log.read_text()
    assert "/s3/parts/" in said
    assert '/for/-/s3/params"' in said
    assert "permit" not in said
    assert "secret" not in said


@pytest.mark.parametrize(
    "begun",
    [
        b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nX-Slow: ",
        b"POST /api/v1/upload/init HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 100\r\n\r\n{",
        b"POST /login/ HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 100\r\n\r\nusername=",
    ],
    ids=["head", "init", "login"],
)
def test_slow_heads_and_small_bodies_are_cut(impatient: Nginx, begun: bytes) -> None:
    with impatient.connect() as client:
        client.sendall(begun)
        assert client.recv(4096)[9:12] in (b"", b"408")


def test_slow_senders_hold_no_thread_of_gunicorn(nginx: Nginx, server: ServerProcess) -> None:
    with Api(nginx.base_url, server.token) as api, ExitStack() as slow:
        upload_id = api.init(b"0123456789")
        for _ in range(6):  # Three times as many as there are threads.
            client = slow.enter_context(nginx.connect())
            client.sendall(
                f"PUT /api/v1/upload/chunk/{upload_id}/0 HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 10\r\n"
                f"Authorization: Bearer {server.token}\r\n\r\n01234".encode()
            )
        assert api.get("").status_code == 200
        client.sendall(b"56789")
        assert client.recv(4096).startswith(b"HTTP/1.1 200 ")


def test_large_bodies_are_refused_but_for_chunks(nginx: Nginx) -> None:
    for path in ("/login/", "/api/v1/upload/init", "/api/v1/upload/chunk"):
        with nginx.connect() as client:
            client.sendall(f"POST {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 100000000\r\n\r\n".encode())
            assert client.recv(4096).startswith(b"HTTP/1.1 413 ")


def test_heads_over_64_kib_are_refused(nginx: Nginx) -> None:
    with nginx.connect() as client:
        client.sendall(b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\n" + b"X: " + b"x" * 15_000 + b"\r\n")
        with suppress(ConnectionError):
            client.sendall((b"X: " + b"x" * 15_000 + b"\r\n") * 4 + b"\r\n")
        assert client.recv(4096).startswith(b"HTTP/1.1 400 ")


def test_links_name_the_address_that_was_asked(nginx: Nginx, server: ServerProcess) -> None:
    with Api(nginx.base_url, server.token) as api:
        for data in (b"0123", b"4567"):
            api.init(data)
        pages = api.get("", params={"page_size": 1}).json()
        assert pages["next"].startswith(f"{nginx.base_url}/")
