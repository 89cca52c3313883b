"""Starting and stopping the server: what a real deployment must not do, and what a second start must not touch."""

from __future__ import annotations

import os
import pty
import socket
import stat
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from uuid import uuid4

import pytest
import requests

from intelliwiz_config.running import is_listening

from .server_process import PROJECT, ServerProcess, free_port

pytestmark = [pytest.mark.integration, pytest.mark.slow]


@pytest.fixture
def data(tmp_path: Path) -> Path:
    return tmp_path / "data"


@pytest.fixture
def server(data: Path) -> Iterator[ServerProcess]:
    process = ServerProcess(data, "asgi")
    yield process
    if process._process is not None:
        process.stop()


def run(server: ServerProcess, module: str, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run a command of the project, which is expected to end by itself."""
    return subprocess.run(
        [sys.executable, "-m", f"intelliwiz_config.{module}", *arguments],
        cwd=PROJECT,
        env={**server.environment, **environment},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def serve(server: ServerProcess, *switches: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return run(server, "serve", *switches, **environment)


def token(server: ServerProcess, **environment: str) -> subprocess.CompletedProcess[str]:
    return run(server, "demo", **environment)


class TestARealDeployment:
    def test_it_does_not_migrate_by_itself(self, server: ServerProcess, data: Path) -> None:
        ended = serve(server)
        assert ended.returncode == 1
        assert "manage.py migrate" in ended.stderr

    def test_it_has_no_demo_user_and_logs_no_secret(self, server: ServerProcess, data: Path) -> None:
        server.run("manage.py", "migrate", "--verbosity=0")
        server.switches = []
        server.start()
        count = "from django.contrib.auth.models import User; print(User.objects.count())"
        assert server.run("manage.py", "shell", "--no-imports", "-c", count).strip() == "0"
        assert not list(data.glob("demo-*"))
        assert "oken" not in server.log.read_text()
        assert "assword" not in server.log.read_text()


def test_without_a_named_proxy_nobody_on_the_network_is_believed_on_https(server: ServerProcess) -> None:
    assert "SECURE_PROXY needs FORWARDED_ALLOW_IPS" in serve(server, SECURE_PROXY="1", HOST="0.0.0.0").stderr


class TestDebug:
    @pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.0.2.1", "example.com"])
    def test_it_is_refused_where_others_could_see_it(self, server: ServerProcess, data: Path, host: str) -> None:
        ended = serve(server, DEBUG="1", HOST=host)
        assert ended.returncode == 1
        assert "DEBUG is for this machine alone" in ended.stderr
        assert not data.exists()

    @pytest.mark.parametrize("host", ["127.0.0.1", "::1", "localhost"])
    def test_it_is_allowed_on_loopback(self, server: ServerProcess, host: str) -> None:
        assert "manage.py migrate" in serve(server, DEBUG="1", HOST=host).stderr


class TestTheDemo:
    def test_its_secrets_are_for_a_terminal_and_not_for_a_log(self, server: ServerProcess, data: Path) -> None:
        server.start()
        log = server.log.read_text()
        assert server.token not in log
        assert (data / "demo-password").read_text() not in log
        assert str(data / "demo-password") in log
        assert f"$(DATA_DIR={data} make -s token)" in log
        server.stop()

        terminal, end = pty.openpty()
        command = [sys.executable, "-m", "intelliwiz_config.serve", *server.switches]
        process = subprocess.Popen(command, cwd=PROJECT, env=server.environment, stdout=end, start_new_session=True)
        os.close(end)
        printed = b""
        while b"-d '{" not in printed:
            printed += os.read(terminal, 4096)
        process.terminate()
        process.wait(20)
        assert printed.count(server.token.encode()) == 2
        assert (data / "demo-password").read_text() in printed.decode()

    def test_it_stays_deleted(self, server: ServerProcess) -> None:
        server.start()
        first = server.token
        server.stop()
        server.start()
        assert server.token == first
        delete = "from django.contrib.auth.models import User; User.objects.all().delete()"
        server.run("manage.py", "shell", "--no-imports", "-c", delete)
        server.stop()
        server.start()
        assert "The demo user was deleted" in server.log.read_text()
        asked = token(server)
        assert (asked.returncode, asked.stdout) == (1, "")
        assert "was deleted" in asked.stderr

    def test_the_token_command_prints_the_token_of_the_running_server(self, server: ServerProcess) -> None:
        server.start()
        assert token(server).stdout.strip() == server.token

    def test_the_token_command_makes_no_second_database(self, server: ServerProcess, tmp_path: Path) -> None:
        server.start()
        asked = token(server, DATA_DIR=str(tmp_path / "other"))
        assert asked.returncode == 1
        assert "Set DATA_DIR" in asked.stderr
        assert not (tmp_path / "other").exists()

    def test_two_token_commands_at_once_make_one_demo(self, server: ServerProcess) -> None:
        with ThreadPoolExecutor() as pool:
            asked = list(pool.map(lambda _: token(server), range(3)))
        assert [ended.stderr for ended in asked] == [""] * 3
        assert len({ended.stdout for ended in asked}) == 1

    def test_without_a_server_the_token_command_makes_the_demo(self, server: ServerProcess, data: Path) -> None:
        made = token(server).stdout.strip()
        server.start()
        assert server.token == made


class TestASecondStart:
    def metrics(self, data: Path) -> set[str]:
        return {path.name for path in (data / "metrics").iterdir()}

    def test_on_a_busy_port_touches_nothing(self, server: ServerProcess, tmp_path: Path) -> None:
        server.start()
        ended = serve(server, "--migrate", "--demo", DATA_DIR=str(tmp_path / "other"))
        assert ended.returncode == 1
        assert f"Something listens on 127.0.0.1:{server.port}" in ended.stderr
        assert not (tmp_path / "other").exists()

    def test_with_a_data_dir_in_use_touches_nothing(self, server: ServerProcess, data: Path) -> None:
        server.start()
        unauthenticated = requests.put(f"{server.base_url}/api/v1/upload/chunk/{uuid4()}/0", timeout=10)
        assert unauthenticated.status_code == 401
        before = self.metrics(data)
        assert before
        ended = serve(server, "--migrate", "--demo", PORT=str(free_port()))
        assert ended.returncode == 1
        assert "Another server is running" in ended.stderr
        assert self.metrics(data) >= before

    @pytest.mark.parametrize(
        ("name", "value", "said"),
        [
            ("SERVER", "foo", "SERVER must be asgi or wsgi"),
            ("PORT", "abc", "--port"),
            ("PORT", "70000", "PORT must be from 1 to 65535"),
            ("WORKERS", "x", "--workers"),
            ("STOP_TIMEOUT", "x", "--stop-timeout"),
            ("FORWARDED_ALLOW_IPS", "proxy", "FORWARDED_ALLOW_IPS must be addresses"),
            ("DATA_DIR", __file__, "DATA_DIR cannot be used"),
        ],
    )
    def test_with_nonsense_says_so(self, server: ServerProcess, name: str, value: str, said: str) -> None:
        ended = serve(server, **{name: value})
        assert ended.returncode in (1, 2)
        assert said in ended.stderr
        assert "Traceback" not in ended.stderr

    def test_after_a_kill_is_a_start(self, server: ServerProcess) -> None:
        server.start()
        server.kill()
        server.start()


def answers(server: ServerProcess) -> bool:
    try:
        return requests.get(f"{server.base_url}/healthz", timeout=1).ok
    except requests.RequestException:
        return False


@pytest.mark.parametrize("kind", ["asgi", "wsgi"])
def test_workers_end_with_their_supervisor_and_free_the_port(data: Path, kind: str) -> None:
    server = ServerProcess(data, kind, WORKERS="2")
    server.start()
    assert server._process is not None
    server._process.kill()
    server._process.wait()
    try:
        _until(lambda: not is_listening("127.0.0.1", server.port))
    finally:
        server.kill()


def test_heads_are_bounded_by_the_server_that_make_run_starts(server: ServerProcess) -> None:
    server.start()
    with socket.create_connection(("127.0.0.1", server.port), timeout=20) as client:
        client.sendall(b"GET / HTTP/1.1\r\nHost: a\r\nX: " + b"x" * 70_000)
        assert client.recv(2**16).startswith(b"HTTP/1.1 431 ")


def _until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.05)


@pytest.mark.parametrize("kind", ["asgi", "wsgi"])
def test_on_sigterm_long_requests_get_the_time_that_is_set(data: Path, kind: str) -> None:
    server = ServerProcess(data, kind, STOP_TIMEOUT="30")
    server.start()
    headers = {"Authorization": f"Bearer {server.token}"}
    api = f"{server.base_url}/api/v1/upload"
    begun = requests.post(f"{api}/init", json={"filename": "a.bin", "total_size": 10}, headers=headers, timeout=10)
    upload_id = begun.json()["upload_id"]
    with socket.create_connection(("127.0.0.1", server.port)) as connection:
        connection.sendall(
            f"PUT /api/v1/upload/chunk/{upload_id}/0 HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 10\r\n"
            f"Authorization: Bearer {server.token}\r\nConnection: close\r\nExpect: 100-continue\r\n\r\n".encode()
        )
        assert b"100 Continue" in connection.recv(4096)
        connection.sendall(b"01234")
        stopping = threading.Thread(target=server.stop)
        stopping.start()
        while answers(server):
            time.sleep(0.05)
        connection.sendall(b"56789")
        assert connection.recv(12) == b"HTTP/1.1 200"
    stopping.join()


@pytest.mark.parametrize("first", ["serve", "migrate", "check", "token", "collectstatic"])
def test_everything_in_data_dir_is_private_whatever_makes_it(server: ServerProcess, data: Path, first: str) -> None:
    os.umask(0o022)
    if first == "token":
        token(server)
    elif first == "collectstatic":
        server.environment["STATIC_ROOT"] = str(data / "static")
        server.run("manage.py", first, "--verbosity=0")
    elif first != "serve":
        server.run("manage.py", first)
    server.start()
    headers = {"Authorization": f"Bearer {server.token}"}
    empty = {"filename": "empty.bin", "total_size": 0}
    assert requests.post(f"{server.base_url}/api/v1/upload/init", json=empty, headers=headers, timeout=10).ok
    server.stop()
    for path in [data, *data.rglob("*")]:
        if path not in (data, server.log):
            assert not stat.S_IMODE(path.lstat().st_mode) & 0o077, path
