"""The servers under test, each started on loopback in a directory of its own, ours and the peers that are installed."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

HOST = "127.0.0.1"
PROJECT = Path(__file__).resolve().parent.parent


@dataclass(frozen=True)
class Server:
    """A running server."""

    name: str
    port: int
    pid: int
    token: str = ""
    files: str = "/files/"
    """Where tus uploads begin."""


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        return int(probe.getsockname()[1])


@contextmanager
def ours(
    directory: Path,
    *,
    database_url: str = "",
    server: str = "asgi",
    with_sha256: bool = True,
    environment: Mapping[str, str] | None = None,
) -> Iterator[Server]:
    """This project's server; SQLite without a ``database_url``; ``with_sha256`` of whole files."""
    port = free_port()
    environment = {
        **os.environ,
        "DATA_DIR": str(directory),
        "PORT": str(port),
        "SERVER": server,
        "HOST": HOST,
        "DJANGO_SETTINGS_MODULE": "benchmarks.settings",
        **({"DATABASE_URL": database_url} if database_url else {}),
        **({} if with_sha256 else {"WITHOUT_SHA256": "1"}),
        **(environment or {}),
    }
    with running(
        "ours", port, [sys.executable, "-m", "intelliwiz_config.serve", "--migrate", "--demo"], environment
    ) as pid:
        token = subprocess.run(
            [sys.executable, "-m", "intelliwiz_config.demo"],
            env=environment,
            cwd=PROJECT,
            capture_output=True,
            check=True,
        )
        yield Server("ours", port, pid, token.stdout.decode().strip(), "/api/v1/upload/files/")


@contextmanager
def postgres(directory: Path) -> Iterator[str]:
    """A PostgreSQL of its own; yields its URL."""
    script = str(PROJECT / ".ci" / "postgres")
    started = subprocess.run(
        [script, "start", str(directory), str(free_port())], capture_output=True, check=True, text=True
    )
    try:
        yield started.stdout.strip()
    finally:
        subprocess.run([script, "stop", str(directory)], check=False)


@contextmanager
def nginx(directory: Path) -> Iterator[Server]:
    """nginx taking files by DAV PUT."""
    port = free_port()
    (directory / "tmp").mkdir()
    configuration = directory / "nginx.conf"
    user = "user root;" if os.getuid() == 0 else ""
    configuration.write_text(
        f"""{user} daemon off; worker_processes auto; pid {directory}/nginx.pid; error_log {directory}/error.log;
        load_module modules/ngx_http_dav_module.so;
        events {{ worker_connections 1024; }}
        http {{ access_log off; client_body_temp_path {directory}/tmp; client_max_body_size 0;
          server {{ listen {HOST}:{port}; root {directory}; location / {{ dav_methods PUT; }} }} }}""".replace(
            "load_module modules/ngx_http_dav_module.so;", ""
        )
    )
    with running("nginx", port, ["nginx", "-e", str(directory / "error.log"), "-c", str(configuration)]) as pid:
        yield Server("nginx", port, pid)


@contextmanager
def tusd(directory: Path) -> Iterator[Server]:
    """tusd with its file store."""
    port = free_port()
    binary = os.environ.get("TUSD") or shutil.which("tusd") or "tusd"
    command = [
        binary,
        f"-host={HOST}",
        f"-port={port}",
        f"-upload-dir={directory}",
        "-behind-proxy=false",
        "-verbose=false",
    ]
    with running("tusd", port, command) as pid:
        yield Server("tusd", port, pid)


NODE_SERVER = """
const {Server} = require('@tus/server'); const {FileStore} = require('@tus/file-store');
new Server({path: '/files', datastore: new FileStore({directory: process.argv[1]})})
  .listen({host: '127.0.0.1', port: Number(process.argv[2])});
"""


@contextmanager
def tus_node(directory: Path) -> Iterator[Server]:
    """@tus/server with its file store, from the modules below ``TUS_NODE_MODULES``."""
    port = free_port()
    environment = {**os.environ, "NODE_PATH": os.environ.get("TUS_NODE_MODULES", "")}
    with running("@tus/server", port, ["node", "-e", NODE_SERVER, str(directory), str(port)], environment) as pid:
        yield Server("@tus/server", port, pid, files="/files")


@contextmanager
def bound(directory: Path) -> Iterator[Server]:
    """The bare loop of :mod:`.bound`."""
    port = free_port()
    command = [sys.executable, "-m", "benchmarks.bound", str(port), str(directory / "file")]
    with running("bound", port, command) as pid:
        yield Server("bound", port, pid)


@contextmanager
def copyparty(directory: Path) -> Iterator[Server]:
    """copyparty, a Python with it being ``COPYPARTY``; everybody may write, and it keeps its database."""
    port = free_port()
    options = ["-i", HOST, "-p", str(port), "-v", f"{directory}::A:c,wram", "-e2d", "-q", "--no-thumb", "-j2"]
    environment = {**os.environ, "XDG_CONFIG_HOME": str(directory / ".config")}
    with running("copyparty", port, [os.environ["COPYPARTY"], "-m", "copyparty", *options], environment) as pid:
        yield Server("copyparty", port, pid)


@contextmanager
def running(name: str, port: int, command: list[str], environment: dict[str, str] | None = None) -> Iterator[int]:
    """A server process, once it listens; yields its pid."""
    log = open(os.devnull, "w") if not os.environ.get("BENCH_LOG") else open(os.environ["BENCH_LOG"], "a")  # noqa: SIM115
    process = subprocess.Popen(command, cwd=PROJECT, env=environment, stdout=log, stderr=log, start_new_session=True)
    try:
        _wait_until_open(name, port, process)
        yield process.pid
    finally:
        os.killpg(process.pid, signal.SIGTERM)
        try:
            process.wait(15)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
        log.close()


def _wait_until_open(name: str, port: int, process: subprocess.Popen[bytes]) -> None:
    for _ in range(300):
        if process.poll() is not None:
            raise RuntimeError(f"{name} ended with {process.returncode}")
        try:
            socket.create_connection((HOST, port), timeout=1).close()
            return
        except OSError:
            time.sleep(0.1)
    raise RuntimeError(f"{name} did not open port {port}")


def processor_seconds(pid: int) -> tuple[float, float]:
    """User and system time of a process and all below it."""
    user = system = 0
    for process in [pid, *descendants(pid)]:
        with suppress(OSError):
            fields = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
            user, system = user + int(fields[11]), system + int(fields[12])
    ticks = os.sysconf("SC_CLK_TCK")
    return user / ticks, system / ticks


def resident_bytes(pid: int) -> int:
    """Memory of a process and all below it: the sum of their proportional set sizes (shared pages counted once)."""
    total = 0
    for process in [pid, *descendants(pid)]:
        try:
            for line in Path(f"/proc/{process}/smaps_rollup").read_text().splitlines():
                if line.startswith("Pss:"):
                    total += int(line.split()[1]) * 1024
        except OSError:
            continue
    return total


def resident_of(pid: int) -> int:
    """Resident bytes of one process, shared ones included."""
    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")


def descendants(pid: int) -> list[int]:
    """All processes below one."""
    children: list[int] = []
    for task in Path(f"/proc/{pid}/task").iterdir():
        with suppress(FileNotFoundError):  # the thread ended meanwhile
            children += [int(child) for child in (task / "children").read_text().split()]
    return children + [below for child in children for below in descendants(child)]
