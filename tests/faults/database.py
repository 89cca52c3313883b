"""Databases in trouble under load: locked, killed and started again, without sessions, without free connections.

Clients are told to come again (503 with Retry-After), nothing that was acknowledged is lost, and soon after the trouble
all is well without anybody's help. PostgreSQL and MariaDB are the campaign's own, where they are installed.
"""

from __future__ import annotations

import os
import shutil
import signal
import sqlite3
import subprocess
import tempfile
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import Any

from ..server_process import PROJECT, free_port
from .audit import audit
from .client import Broken, Client
from .content import MIB
from .context import Context
from .load import LOAD_SETTINGS, Load
from .report import KILLS, TRIALS, Report
from .server import FaultServer

HOLD = 10.0
"""Seconds that SQLite is locked by somebody else."""
EXHAUSTED = 4.0
"""Seconds without a free connection."""
RECOVERY = 30.0
"""Seconds within which the server must be well again."""


def run(context: Context) -> Report:
    report = Report("database")
    engines = [_Sqlite(), *(engine for engine in (_Postgres(), _MariaDb()) if engine.installed(report))]
    for engine in engines:
        with (
            engine.running() as url,
            context.server(LOAD_SETTINGS, directory=engine.data(context), DATABASE_URL=url) as server,
        ):
            with Load(server, report, seed=context.seed, largest=40 * MIB) as load:
                slowest = 0.0
                time_left = context.time_left(1 / len(engines))
                while time_left():
                    time.sleep(context.random.uniform(0.5, 2))
                    report.count(TRIALS)
                    context.random.choice(engine.troubles(server, report))()
                    slowest = max(slowest, _recovery(engine, server, report))
                    load.verify()
                load.drain()
            report.note(f"{engine.name}: well again after {slowest:.1f} s at most")
            time.sleep(2)
            audit(server, report)
    return report


def _recovery(engine: _Engine, server: FaultServer, report: Report) -> float:
    """Seconds until ten answers in a row are right."""
    started = time.monotonic()
    client = Client(server, report, label="after trouble, ")
    in_a_row = 0
    while in_a_row < 10:
        if time.monotonic() - started > RECOVERY:
            report.defect(f"{engine.name}, not well again after {RECOVERY:.0f} s")
            break
        try:
            in_a_row = in_a_row + 1 if client.call("list", "GET", "?page_size=1").status == 200 else 0
        except Broken:
            in_a_row = 0
        if not in_a_row:
            time.sleep(0.1)
    return time.monotonic() - started


class _Engine(ABC):
    """One kind of database."""

    name: str

    def data(self, context: Context) -> Path:
        return context.directory / f"data-{self.name}"

    @abstractmethod
    def running(self) -> Any:
        """A context manager: it runs meanwhile; its URL, empty for a file in DATA_DIR."""

    @abstractmethod
    def troubles(self, server: FaultServer, report: Report) -> list[Callable[[], None]]: ...


class _Sqlite(_Engine):
    name = "SQLite"

    @contextmanager
    def running(self) -> Iterator[str]:
        yield ""

    def troubles(self, server: FaultServer, report: Report) -> list[Callable[[], None]]:
        def lock() -> None:
            database = sqlite3.connect(server.directory / "db.sqlite3", timeout=30, isolation_level=None)
            database.execute("BEGIN EXCLUSIVE")
            time.sleep(HOLD)
            database.execute("ROLLBACK")
            database.close()

        return [lock]


class _Service(_Engine):
    """A database server of the campaign's own, started by the script that CI uses."""

    script: str
    binary: str
    environment: dict[str, str]
    killing = signal.SIGKILL

    def installed(self, report: Report) -> bool:
        places = os.pathsep.join(
            [os.environ["PATH"], "/usr/sbin", *map(str, Path("/usr/lib/postgresql").glob("*/bin"))]
        )
        if shutil.which(self.binary, path=places):
            return True
        report.note(f"skipped: {self.name} is not installed")
        return False

    @contextmanager
    def running(self) -> Iterator[str]:
        self._directory = Path(tempfile.mkdtemp(prefix="faults-"))
        # It runs as a user of its own.
        self._directory.chmod(0o755)
        self._port = free_port()
        self._url = self._start()
        try:
            yield self._url
        finally:
            subprocess.run([PROJECT / self.script, "stop", self._directory], check=True)
            time.sleep(1)
            shutil.rmtree(self._directory, ignore_errors=True)

    def _start(self) -> str:
        command = [str(PROJECT / self.script), "start", str(self._directory), str(self._port)]
        with (self._directory / "url").open("w+") as output:
            # Not a pipe: the server that it starts would hold it open.
            subprocess.run(command, check=True, stdout=output, env={**os.environ, **self.environment})
            output.seek(0)
            return output.read().strip()

    def troubles(self, server: FaultServer, report: Report) -> list[Callable[[], None]]:
        def restart() -> None:
            pid = self._pid()
            os.kill(pid, self.killing)
            report.count(KILLS)
            while Path(f"/proc/{pid}").exists():
                time.sleep(0.05)
            self._start()

        def end_sessions() -> None:
            with closing(self._connect()) as connection:
                self._end_sessions([connection])

        return [restart, end_sessions, self._take_connections]

    @abstractmethod
    def _pid(self) -> int: ...

    @abstractmethod
    def _connect(self) -> Any: ...

    @abstractmethod
    def _end_sessions(self, spared: list[Any]) -> None:
        """End every session but those of these connections."""

    def _take_connections(self) -> None:
        """Hold every connection there is, those of the server included, which then finds none."""
        taken: list[Any] = []
        self._take_free(taken)
        self._end_sessions(taken)
        self._take_free(taken)
        time.sleep(EXHAUSTED)
        for connection in taken:
            connection.close()

    def _take_free(self, taken: list[Any]) -> None:
        with suppress(Exception):  # The one that says that there are no more.
            while True:
                taken.append(self._connect())


class _Postgres(_Service):
    name = "PostgreSQL"
    script = ".ci/postgres"
    binary = "initdb"
    environment = {"POSTGRES_FLAGS": "-c max_connections=60"}
    killing = signal.SIGQUIT
    """An immediate shutdown: SIGKILL would leave its shared memory behind."""

    def _pid(self) -> int:
        return int((self._directory / "data" / "postmaster.pid").read_text().splitlines()[0])

    def _connect(self) -> Any:
        import psycopg

        return psycopg.connect(self._url, autocommit=True)

    def _end_sessions(self, spared: list[Any]) -> None:
        spared[0].execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
            "WHERE backend_type = 'client backend' AND NOT pid = ANY(%s)",
            [[each.info.backend_pid for each in spared]],
        )


class _MariaDb(_Service):
    name = "MariaDB"
    script = ".ci/mariadb"
    binary = "mariadbd"
    # CI's gives up durability for speed.
    environment = {"MARIADB_FLAGS": "--innodb-flush-log-at-trx-commit=1 --max-connections=60"}

    def _pid(self) -> int:
        return int((self._directory / "pid").read_text())

    def _connect(self) -> Any:
        import MySQLdb

        return MySQLdb.connect(host="127.0.0.1", port=self._port, user="uploads", password="uploads")

    def _end_sessions(self, spared: list[Any]) -> None:
        mine = {each.thread_id() for each in spared}
        cursor = spared[0].cursor()
        # Not SHOW PROCESSLIST: it has the statements too, and in them the bytes of digests, which are no text.
        cursor.execute("SELECT ID, USER FROM information_schema.PROCESSLIST")
        for number, user in cursor.fetchall():
            if number not in mine and user == "uploads":
                with suppress(Exception):  # It went by itself.
                    cursor.execute(f"KILL {number}")
