"""Senders of whole files to several nodes, chunk by chunk through nginx, each telling what was acknowledged."""

from __future__ import annotations

import hashlib
import random
import threading
import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Self

import requests

from ..two_nodes import Cluster
from .content import MIB
from .report import ACKNOWLEDGED, LOST, STUCK, WRONG, Report

SENDERS = 4
PART = 5 * MIB
PATIENCE = 120.0
"""Seconds in which a request has a final answer, whatever is broken meanwhile."""
ENDED = "files read back"
KEPT = 1 / 8
"""Share of the files that stay until the end; the disks of a small Ceph are in memory."""

_NOT_FINAL = (202, 429, 500, 502, 503, 504)
_AGAIN = ("chunk_superseded", "staging_lost")


@dataclass
class _Upload:
    """What a sender knows of an upload that is not completed."""

    acknowledged: set[int] = field(default_factory=set)
    is_damaged: bool = False
    completing: threading.Lock = field(default_factory=threading.Lock)


class ClusterLoad:
    """Sends files as long as its block lasts. Its methods may be called from any thread."""

    def __init__(self, nodes: Cluster, report: Report, seed: int) -> None:
        self._nodes = nodes
        self._report = report
        self._stop = threading.Event()
        self._lock = threading.Lock()
        self._uploads: dict[str, _Upload] = {}
        self._threads = [threading.Thread(target=self._send_files, args=(seed + number,)) for number in range(SENDERS)]

    def __enter__(self) -> Self:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *exception: object) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join(PATIENCE)

    @property
    def ended(self) -> int:
        """Files that were sent, published, and compared with what was sent."""
        return self._report.figures[ENDED]

    def under_way(self) -> dict[str, set[int]]:
        """The acknowledged chunks of uploads that are not completed."""
        with self._lock:
            return {upload_id: set(upload.acknowledged) for upload_id, upload in self._uploads.items()}

    def damage(self, upload_id: str, act: Callable[[], None]) -> None:
        """Do to an upload what costs acknowledged chunks, while it is not being completed: Ceph 16 lets an upload that
        is aborted in the middle of its completion be completed, and forgets the bytes soon after."""
        with self._lock:
            upload = self._uploads.get(upload_id)
        if upload is None:
            return
        with upload.completing:
            upload.is_damaged = True
            act()

    def verify(self) -> None:
        """What was acknowledged before is recorded still."""
        with self._lock:
            before = {
                upload_id: set(upload.acknowledged)
                for upload_id, upload in self._uploads.items()
                if not upload.is_damaged
            }
        with requests.Session() as http:
            for upload_id, indices in before.items():
                status = self._until(http, "GET", f"status/{upload_id}", unless=partial(self._is_over, upload_id))
                lost = indices & set(status["progress"]["missing_chunks"]) if status else set()
                if lost:
                    self._report.defect(f"{upload_id}: acknowledged chunks {sorted(lost)} are gone", LOST)

    def _is_over(self, upload_id: str) -> bool:
        return upload_id not in self._uploads

    def _send_files(self, seed: int) -> None:
        choice = random.Random(seed)
        with requests.Session() as http:
            while not self._stop.is_set():
                self._send_file(http, choice)

    def _send_file(self, http: requests.Session, choice: random.Random) -> None:
        data = b"." + choice.randbytes(choice.randrange(1, 4 * PART))
        fields = {"filename": "a.bin", "total_size": len(data), "chunk_size": PART, "client_key": str(choice.random())}
        upload_id = self._until(http, "POST", "init", json=fields).get("upload_id")
        if not upload_id:
            return
        upload = _Upload()
        with self._lock:
            self._uploads[upload_id] = upload
        indices = list(range(-(-len(data) // PART)))
        choice.shuffle(indices)
        self._send_chunks(http, upload_id, data, indices)
        done = self._complete(http, upload_id, data)
        with self._lock:
            del self._uploads[upload_id]
        if done:
            self._compare(http, upload_id, data)
            if choice.random() > KEPT:
                self._until(http, "DELETE", upload_id)

    def _send_chunks(self, http: requests.Session, upload_id: str, data: bytes, indices: Iterable[int]) -> None:
        for index in indices:
            if self._until(http, "PUT", f"chunk/{upload_id}/{index}", data=data[index * PART : (index + 1) * PART]):
                with self._lock:
                    self._uploads[upload_id].acknowledged.add(index)
                self._report.count(ACKNOWLEDGED)

    def _complete(self, http: requests.Session, upload_id: str, data: bytes) -> bool:
        """Complete; chunks that it finds damaged are sent again."""
        digests = [hashlib.sha256(data[at : at + PART]).digest() for at in range(0, len(data), PART)]
        fields = {
            "upload_id": upload_id,
            "composite_hash": f"{hashlib.sha256(b''.join(digests)).hexdigest()}-{len(digests)}",
        }
        deadline = time.monotonic() + PATIENCE
        while time.monotonic() < deadline:
            with self._uploads[upload_id].completing:
                answer = self._until(http, "POST", "complete", json=fields)
            if answer.get("code") != "missing_chunks":
                return bool(answer)
            missing = self._until(http, "GET", f"status/{upload_id}")["progress"]["missing_chunks"]
            if not self._uploads[upload_id].is_damaged:
                self._report.defect(f"{upload_id}: complete asks for acknowledged chunks {missing} again", LOST)
            self._report.count("chunks sent again", len(missing))
            self._send_chunks(http, upload_id, data, missing)
        self._report.defect(f"{upload_id}: not repaired after {PATIENCE} s", STUCK)
        return False

    def _compare(self, http: requests.Session, upload_id: str, data: bytes) -> None:
        found = self._until(http, "GET", f"file/{upload_id}")
        self._report.count(ENDED)
        if found != data:
            self._report.defect(f"{upload_id} is not what was sent", WRONG)

    def _until(
        self, http: requests.Session, method: str, path: str, unless: Callable[[], bool] = lambda: False, **options: Any
    ) -> Any:
        """The answer, once there is one that is final; empty, and a defect, if there is none or it is a refusal.

        Args:
            unless: whether a refusal is right by now.
        """
        headers = {"Authorization": f"Bearer {self._nodes.token}"}
        deadline = time.monotonic() + PATIENCE
        last = ""
        while time.monotonic() < deadline:
            with suppress(requests.RequestException):
                url = f"{self._nodes.base_url}/api/v1/upload/{path}"
                answer = http.request(method, url, headers=headers, timeout=30, **options)
                last = f"{answer.status_code} {answer.text[:200]}"
                if answer.ok and answer.status_code != 202:
                    return answer.json() if "json" in answer.headers.get("Content-Type", "") else answer.content
                if "missing_chunks" in last and path == "complete":
                    return answer.json()
                if answer.status_code not in _NOT_FINAL and not any(code in last for code in _AGAIN):
                    if not unless():
                        self._report.defect(f"{method} {path} was refused: {last}", STUCK)
                    return {}
                if answer.status_code == 500:
                    self._report.defect(f"{method} {path.partition('/')[0]}: {last}")
            time.sleep(0.2)
        self._report.defect(f"{method} {path}: no end after {PATIENCE} s: {last}", STUCK)
        return {}
