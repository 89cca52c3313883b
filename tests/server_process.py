"""The project's server as an operator runs it: processes, a data directory, a database of its own."""

from __future__ import annotations

import atexit
import os
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from contextlib import suppress
from functools import cache
from pathlib import Path
from urllib.parse import urlsplit

import requests

PROJECT = Path(__file__).resolve().parent.parent


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class ServerProcess:
    """One server, that can be started, stopped and killed. Keeps its data in between."""

    def __init__(self, directory: Path, kind: str, **environment: str) -> None:
        self.directory = directory
        self.port = free_port()
        self.base_url = f"http://127.0.0.1:{self.port}"
        self.environment = {
            **os.environ,
            "DATA_DIR": str(directory),
            "HOST": "127.0.0.1",
            "PORT": str(self.port),
            "SERVER": kind,
            "LOG_LEVEL": "INFO",
            # The same for all servers of a run: collecting takes seconds.
            "STATIC_ROOT": str(_static_root()),
            **environment,
        }
        if database_url := self.environment.pop("DATABASE_URL", ""):
            self.environment["DATABASE_URL"] = _new_database(database_url)
        self.log = directory / "server.log"
        self.switches = ["--migrate", "--demo"]
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def token(self) -> str:
        return (self.directory / "demo-token").read_text()

    def run(self, *arguments: str) -> str:
        """Run a Python command in the server's environment; returns its output."""
        command = [sys.executable, *arguments]
        return subprocess.run(
            command, cwd=PROJECT, env=self.environment, capture_output=True, check=True, text=True
        ).stdout

    def start(self, *, ready: bool = True) -> None:
        """Returns once the server is ready for uploads, or, if it never will be, once it answers."""
        process = self.launch()
        deadline = time.monotonic() + 120
        while time.monotonic() < deadline:
            try:
                if requests.get(f"{self.base_url}/{'readyz' if ready else 'healthz'}", timeout=5).status_code == 200:
                    return
            except (requests.ConnectionError, requests.Timeout):
                time.sleep(0.1)
            assert process.poll() is None, self.log.read_text()
        raise AssertionError(self.log.read_text())

    def launch(self) -> subprocess.Popen[bytes]:
        """Begin to start, without waiting for anything."""
        self.directory.mkdir(parents=True, exist_ok=True)
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "intelliwiz_config.serve", *self.switches],
                cwd=PROJECT,
                env=self.environment,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        return self._process

    def kill(self) -> None:
        """SIGKILL to every process of the server."""
        self._signal_all(signal.SIGKILL)

    def stop(self) -> float:
        """SIGTERM to the main process; returns the seconds until it was gone."""
        assert self._process is not None
        started = time.monotonic()
        if self._process.poll() is None:
            self._process.terminate()
            self._process.wait(20)
        elapsed = time.monotonic() - started
        self._signal_all(signal.SIGKILL)
        return elapsed

    def _signal_all(self, number: signal.Signals) -> None:
        assert self._process is not None
        with suppress(ProcessLookupError):
            os.killpg(self._process.pid, number)
        self._process.wait(20)


@cache
def _static_root() -> Path:
    directory = Path(tempfile.mkdtemp(prefix="static-"))
    atexit.register(shutil.rmtree, directory, ignore_errors=True)
    return directory


def _new_database(url: str) -> str:
    name = f"server_{secrets.token_hex(6)}"
    if url.startswith("postgres"):
        import psycopg

        with psycopg.connect(url, autocommit=True) as connection:
            connection.execute(f"CREATE DATABASE {name}")
    else:
        import MySQLdb

        parts = urlsplit(url)
        connection = MySQLdb.connect(host=parts.hostname, port=parts.port, user=parts.username, password=parts.password)
        connection.cursor().execute(f"CREATE DATABASE {name}")
        connection.close()
    return url.rpartition("/")[0] + f"/{name}"
