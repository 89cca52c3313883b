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

from apps.core.tests.api import Api

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

    def __init__(self, directory: Path, server: ServerProcess, **replaced: str) -> None:
        self.port = free_port()
        self.base_url = f"http://127.0.0.1:{self.port}"
        site = (PROJECT / "deploy/nginx.conf").read_text()
        lines = [line for line in site.splitlines() if "ssl_certificate" not in line]
        site = "\n".join(lines)
        for old, new in {
            "listen 443 ssl": f"listen 127.0.0.1:{self.port}",
            "server 127.0.0.1:8000": f"server 127.0.0.1:{server.port}",
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
    data = os.urandom(3_000_000)
    with Api(nginx.base_url, server.token) as api:
        url = api.upload(data)["file"]["url"]
        assert api.http.get(nginx.base_url + url).content == data


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
