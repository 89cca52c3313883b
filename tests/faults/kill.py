"""Processes killed and stopped at any moment, while many upload, complete, cancel, delete and sweep.

After each blow every acknowledged chunk must still be recorded and be on disk as it was sent, and each file that was
completed must be right. A chunk that is asked for again is a defect: nobody damages bytes here.
"""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Callable

from .audit import audit
from .context import Context
from .load import LOAD_SETTINGS, Load
from .report import KILLS, Report
from .server import FaultServer

STALL = (2.2, 3.5)
"""Seconds: longer than the lease of an assembly, shorter than uvicorn's patience with a silent worker."""


def run(context: Context) -> Report:
    report = Report("kill")
    with context.server(LOAD_SETTINGS) as server:
        blows = _Blows(context, server, report)
        with Load(server, report, seed=context.seed) as load:
            time_left = context.time_left()
            while time_left():
                time.sleep(context.random.uniform(0.05, 1.0))
                blows.strike()
                load.verify()
            load.drain()
        blows.end_sweep()
        # So that leases of what was killed last are over.
        time.sleep(2.0)
        audit(server, report)
    return report


class _Blows:
    """What hits the server."""

    def __init__(self, context: Context, server: FaultServer, report: Report) -> None:
        self._choice = context.random
        self._server = server
        self._report = report
        self._sweep: subprocess.Popen[bytes] | None = None

    def strike(self) -> None:
        self._begin_sweep()
        blows: dict[Callable[[], None], int] = {
            self._kill_all: 5,
            self._kill_worker: 10,
            self._kill_sweep: 4,
            self._kill_starting: 1,
            self._stall: 1,
        }
        self._choice.choices([*blows], [*blows.values()])[0]()

    def end_sweep(self) -> None:
        if self._sweep is not None:
            self._sweep.wait(60)

    def _begin_sweep(self) -> None:
        if self._sweep is None or self._sweep.poll() is not None:
            self._sweep = self._server.begin("manage.py", "cleanup_expired_uploads")

    def _killed(self, what: str) -> None:
        self._report.count(KILLS)
        self._report.count(f"kills of {what}")

    def _kill_all(self) -> None:
        self._server.kill()
        self._killed("all processes")
        self._server.start()

    def _kill_worker(self) -> None:
        self._server.signal_worker(self._choice.choice(self._server.workers()), signal.SIGKILL)
        self._killed("one worker")

    def _kill_sweep(self) -> None:
        assert self._sweep is not None
        # Its first half second is spent on imports.
        time.sleep(self._choice.uniform(0.4, 1.2))
        if self._sweep.poll() is None:
            os.killpg(self._sweep.pid, signal.SIGKILL)
            self._sweep.wait()
            self._killed("a cleanup")

    def _kill_starting(self) -> None:
        self._server.kill()
        self._server.launch()
        time.sleep(self._choice.uniform(0.1, 2.5))
        self._server.kill()
        self._killed("a starting server")
        self._server.start()

    def _stall(self) -> None:
        worker = self._choice.choice(self._server.workers())
        self._server.signal_worker(worker, signal.SIGSTOP)
        time.sleep(self._choice.uniform(*STALL))
        self._server.signal_worker(worker, signal.SIGCONT)
        self._report.count("stalls of one worker")
