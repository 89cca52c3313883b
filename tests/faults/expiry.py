"""Chunks that arrive exactly when their session expires, while others ask for it and cleanup runs in a loop.

A chunk that was acknowledged is kept: its session is open for its whole time to live from then on.
"""

from __future__ import annotations

import random
import threading
import time
from datetime import datetime

from . import sockets
from .audit import audit
from .client import Client
from .content import KIB, Content
from .context import Context
from .report import ACKNOWLEDGED, LOST, TRIALS, Report
from .server import FaultServer

SESSION_SECONDS = 1.5
THREADS = 6
AROUND = (-0.01, 0.04)
"""Seconds around the end of a session in which things happen to it."""
SWEEP_IN_A_LOOP = """
from datetime import timedelta
from apps.core.services.cleanup import Cleanup
while True:
    Cleanup(retention=timedelta(hours=1), batch_size=100, dry_run=False).run()
"""


def run(context: Context) -> Report:
    report = Report("expiry")
    with context.server({"SESSION_TTL_HOURS": SESSION_SECONDS / 3600}) as server:
        sweeper = server.begin("manage.py", "shell", "--no-imports", "-c", SWEEP_IN_A_LOOP)
        time_left = context.time_left()

        def work(number: int) -> None:
            choice = random.Random(context.seed * 1000 + number)
            while time_left():
                report.count(TRIALS)
                _race(server, report, choice)

        threads = [threading.Thread(target=work, args=(number,)) for number in range(THREADS)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        if sweeper.poll() is not None:
            report.defect(f"cleanup in a loop ended by itself: exit code {sweeper.returncode}")
        sweeper.kill()
        sweeper.wait()
        time.sleep(SESSION_SECONDS)
        audit(server, report)
    return report


def _race(server: FaultServer, report: Report, choice: random.Random) -> None:
    """The last bytes of a chunk, and questions about the session, at the moment of its end."""
    content = Content(4 * 64 * KIB, 64 * KIB)
    client = Client(server, report)
    upload_id = client.begin(content)
    client.put(upload_id, 0, content.chunk(0), expect=(200,))
    document = client.status(upload_id).document
    end = datetime.fromisoformat(document["expires_at"]).timestamp()
    data = content.chunk(1)
    with sockets.connect(server) as connection:
        sockets.send(connection, sockets.head(server, "PUT", f"chunk/{upload_id}/1", length=len(data)) + data[:1000])

        def put() -> sockets.Result:
            _wait_until(end + choice.uniform(*AROUND))
            sockets.send(connection, data[1000:])
            return sockets.answer(connection)

        def ask() -> sockets.Result:
            asker = Client(server, report)
            _wait_until(end + choice.uniform(*AROUND))
            return asker.status(upload_id, expect=(200,)).status, b""

        (status, body), *_ = sockets.together([put, ask, ask])
    report.answer("put at the end", status, "", body.decode(errors="replace"), names_wait=False)
    if status == 200:
        report.count(ACKNOWLEDGED)
        answer = client.status(upload_id)
        # A machine that stalls for the whole time to live proves nothing.
        if answer.document.get("status") != "active" or 1 in answer.document["progress"]["missing_chunks"]:
            since = time.time() - end
            if since < SESSION_SECONDS - 0.2:
                report.defect(f"acknowledged and thrown away: {upload_id} {answer}, {since:.3f} s after its end", LOST)
    elif status != 410:
        report.defect(f"a chunk at the end of its session, unexpected answer: {status} {body[:200]!r}")


def _wait_until(moment: float) -> None:
    time.sleep(max(moment - time.time(), 0))
