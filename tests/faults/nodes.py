"""Two nodes on one PostgreSQL and one bucket behind nginx, killed in turn while many upload through them.

Nothing acknowledged may be lost, no file may be wrong, nothing may be stuck. It needs what ``tests/test_two_nodes.py``
needs: ``POSTGRESQL_URL``, ``S3_URL`` and nginx.
"""

from __future__ import annotations

import hashlib
import os
import random
import threading
import time
from contextlib import suppress
from typing import Any

import requests

from ..server_process import ServerProcess
from ..test_nginx import NGINX
from ..two_nodes import Cluster, cluster
from .content import MIB
from .context import Context
from .report import KILLS, LOST, STUCK, WRONG, Report

SENDERS = 4
PART = 5 * MIB
PATIENCE = 120.0
"""Seconds in which an upload ends, whatever is killed meanwhile."""


def run(context: Context) -> Report:
    report = Report("nodes")
    missing = [name for name in ("POSTGRESQL_URL", "S3_URL") if not os.environ.get(name)]
    if missing or NGINX is None:
        report.note(f"left out: it needs {', '.join(missing) or 'nginx'}")
        return report
    with cluster(context.directory) as nodes:
        load = _Load(nodes, report, context.seed)
        load.start()
        time_left = context.time_left()
        while time_left():
            time.sleep(context.random.uniform(0.2, 2.0))
            _kill_and_start(context.random.choice(nodes.nodes), report)
            load.verify()
        load.stop()
        _require_nothing_left(nodes, report)
    return report


def _kill_and_start(node: ServerProcess, report: Report) -> None:
    node.kill()
    report.count(KILLS)
    node.start()


def _require_nothing_left(nodes: Cluster, report: Report) -> None:
    first = nodes.nodes[0]
    time.sleep(20)  # Leases of what was killed last are over.
    said = first.run("manage.py", "cleanup_expired_uploads", "--verbose")
    report.note(said.replace("\n", "; ")[:300])
    script = (
        "import django; django.setup(); from apps.core.models import UploadSession as S; "
        "print(S.objects.filter(status__in=('assembling', 'removing')).count())"
    )
    if first.run("-c", script).strip() != "0":
        report.defect("sessions are stuck", STUCK)
    first.run("manage.py", "check_uploads", "--rehash")  # Raises if anything differs.


class _Load:
    """Senders of whole files, chunk by chunk through nginx, each telling what was acknowledged."""

    def __init__(self, nodes: Cluster, report: Report, seed: int) -> None:
        self._nodes = nodes
        self._report = report
        self._stop = threading.Event()
        self._lock = threading.Lock()
        self._acknowledged: dict[str, set[int]] = {}
        self._threads = [threading.Thread(target=self._send_files, args=(seed + number,)) for number in range(SENDERS)]

    def start(self) -> None:
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join(PATIENCE)

    def verify(self) -> None:
        """What was acknowledged before a kill is recorded after it."""
        with self._lock:
            before = {upload_id: set(indices) for upload_id, indices in self._acknowledged.items()}
        with requests.Session() as http:
            for upload_id, indices in before.items():
                status = self._until(http, "GET", f"status/{upload_id}")
                lost = indices & set(status["progress"]["missing_chunks"]) if status else set()
                if lost:
                    self._report.defect(f"{upload_id}: acknowledged chunks {sorted(lost)} are gone", LOST)

    def _send_files(self, seed: int) -> None:
        choice = random.Random(seed)
        with requests.Session() as http:
            while not self._stop.is_set():
                self._send_file(http, choice)

    def _send_file(self, http: requests.Session, choice: random.Random) -> None:
        data = b"." + choice.randbytes(choice.randrange(1, 4 * PART))
        fields = {"filename": "a.bin", "total_size": len(data), "chunk_size": PART, "client_key": str(choice.random())}
        upload_id = self._until(http, "POST", "init", json=fields)["upload_id"]
        with self._lock:
            self._acknowledged[upload_id] = set()
        digests = [hashlib.sha256(data[at : at + PART]).digest() for at in range(0, len(data), PART)]
        indices = list(range(len(digests)))
        choice.shuffle(indices)
        for index in indices:
            self._until(http, "PUT", f"chunk/{upload_id}/{index}", data=data[index * PART : (index + 1) * PART])
            with self._lock:
                self._acknowledged[upload_id].add(index)
            self._report.count("acknowledged chunks")
        composite = f"{hashlib.sha256(b''.join(digests)).hexdigest()}-{len(digests)}"
        done = self._until(http, "POST", "complete", json={"upload_id": upload_id, "composite_hash": composite})
        with self._lock:
            del self._acknowledged[upload_id]
        self._compare(http, done, data)

    def _compare(self, http: requests.Session, done: dict[str, Any], data: bytes) -> None:
        if not done:
            return
        found = self._until(http, "GET", f"file/{done['upload_id']}")
        self._report.count("files read back")
        if found != data:
            self._report.defect(f"{done['upload_id']} is not what was sent", WRONG)

    def _until(self, http: requests.Session, method: str, path: str, **options: Any) -> Any:
        """The answer, once there is one that is final: nodes are killed, and say that they are in trouble."""
        headers = {"Authorization": f"Bearer {self._nodes.token}"}
        deadline = time.monotonic() + PATIENCE
        last = ""
        while time.monotonic() < deadline:
            with suppress(requests.RequestException):
                url = f"{self._nodes.base_url}/api/v1/upload/{path}"
                answer = http.request(method, url, headers=headers, timeout=30, **options)
                last = f"{answer.status_code} {answer.text[:200]}"
                if answer.status_code in (200, 201):
                    return answer.content if path.startswith("file/") else answer.json()
                if answer.status_code not in (202, 429, 500, 502, 503, 504) and "chunk_superseded" not in last:
                    break
                if answer.status_code == 500:
                    self._report.defect(f"{method} {path.partition('/')[0]}: {last}")
            time.sleep(0.2)
        self._report.defect(f"{method} {path}: no end after {PATIENCE} s: {last}", STUCK)
        return {}
