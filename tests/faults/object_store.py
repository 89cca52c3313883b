"""The object store of two nodes in trouble, while many upload through them.

Beside what :mod:`.nodes` needs, ``CEPH_DIR`` names the directory in which ``.ci/ceph`` started the engine at
``S3_URL``: then its gateway and one of its disks are killed too, and that disk does not come back.

One part after the other: the store says SlowDown, cuts connections after it did what was asked, damages bytes on the
way, loses each first answer to CompleteMultipartUpload, has parts replaced and multipart uploads aborted behind our
back, its gateway and a disk are killed. Uploads may wait meanwhile. After each trouble they end, and are right.
"""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any
from uuid import UUID

import boto3

from apps.core.tests.s3_engine import engine
from apps.core.tests.troubled_engine import TroubledEngine, troubled

from ..server_process import PROJECT
from ..two_nodes import Cluster, cluster
from .cluster_load import PART, PATIENCE, ClusterLoad
from .context import Context
from .nodes import missing_parts, require_nothing_left
from .report import KILLS, STUCK, TRIALS, Report

SHARE = 1 / 8
"""Of the time, for each trouble."""
ENDED_AFTER = 8
"""Files that must come to their end after a trouble: two by each sender."""


def run(context: Context) -> Report:
    report = Report("object_store")
    if missing := missing_parts():
        report.note(f"left out: it needs {missing}")
        return report
    with troubled(engine()[0]) as store, cluster(context.directory, S3_ENDPOINT_URL=store.url) as nodes:
        with ClusterLoad(nodes, report, context.seed) as load:
            for trouble in _Troubles(context, report, store, nodes, load).all():
                trouble()
                store.trouble = lambda method, path: ""
                report.count(TRIALS)
                _require_progress(load, report, trouble.__name__.strip("_"))
                load.verify()
        require_nothing_left(nodes, report)
    return report


def _require_progress(load: ClusterLoad, report: Report, trouble: str) -> None:
    enough = load.ended + ENDED_AFTER
    deadline = time.monotonic() + PATIENCE
    while load.ended < enough:
        if time.monotonic() > deadline:
            report.defect(f"after {trouble}: uploads do not end", STUCK)
            return
        time.sleep(0.1)
    report.note(f"{trouble}: {load.ended} files ended by then")


class _Troubles:
    """What happens to the store, each for its share of the time."""

    def __init__(
        self, context: Context, report: Report, store: TroubledEngine, nodes: Cluster, load: ClusterLoad
    ) -> None:
        self._context = context
        self._choice = context.random
        self._report = report
        self._store = store
        self._load = load
        self._ceph = Path(os.environ["CEPH_DIR"]) if os.environ.get("CEPH_DIR") else None
        self._bucket = nodes.nodes[0].environment["S3_BUCKET"]
        endpoint, access_key, secret_key = engine()
        keys = {"aws_access_key_id": access_key, "aws_secret_access_key": secret_key}
        self._s3: Any = boto3.client("s3", endpoint_url=endpoint, region_name="us-east-1", **keys)

    def all(self) -> list[Callable[[], None]]:
        troubles = [
            self._slow_down,
            self._answers_lost,
            self._bytes_damaged,
            self._complete_repeated,
            self._parts_replaced,
            self._uploads_aborted,
        ]
        if self._ceph is None:
            self._report.note("gateway and disks are not killed: CEPH_DIR names no engine of .ci/ceph")
            return troubles
        return [*troubles, self._gateway_killed, self._disk_killed]

    def _slow_down(self) -> None:
        self._store.trouble = lambda method, path: "slow down"
        time.sleep(max(30.0, self._context.seconds * SHARE))

    def _answers_lost(self) -> None:
        self._to_one_part_of_three("lost")

    def _bytes_damaged(self) -> None:
        self._to_one_part_of_three("damage")

    def _to_one_part_of_three(self, trouble: str) -> None:
        def troubled_part(method: str, path: str) -> str:
            return trouble if "partNumber" in path and self._choice.random() < 1 / 3 else ""

        self._store.trouble = troubled_part
        time.sleep(self._context.seconds * SHARE)

    def _complete_repeated(self) -> None:
        asked: set[str] = set()

        def first_answer_lost(method: str, path: str) -> str:
            if method != "POST" or "uploadId" not in path or path in asked:
                return ""
            asked.add(path)
            return "lost"

        self._store.trouble = first_answer_lost
        time.sleep(self._context.seconds * SHARE)
        self._report.count("repeated Completes", len(asked))

    def _parts_replaced(self) -> None:
        self._behind_our_back(self._replace_part)

    def _uploads_aborted(self) -> None:
        self._behind_our_back(self._abort)

    def _behind_our_back(self, act: Callable[[dict[str, str], int], None]) -> None:
        time_left = self._context.time_left(SHARE)
        while time_left():
            time.sleep(0.5)
            for upload_id, indices in self._load.under_way().items():
                if indices and self._choice.random() < 1 / 2:
                    self._load.damage(upload_id, partial(self._act, act, upload_id, min(indices)))

    def _act(self, act: Callable[[dict[str, str], int], None], upload_id: str, index: int) -> None:
        if opened := self._opened(upload_id):
            act(opened, index)

    def _opened(self, upload_id: str) -> dict[str, str] | None:
        answer = self._s3.list_multipart_uploads(Bucket=self._bucket)
        for each in answer.get("Uploads", ()):
            if UUID(upload_id).hex in each["Key"]:
                return {"Bucket": self._bucket, "Key": each["Key"], "UploadId": each["UploadId"]}
        return None

    def _replace_part(self, opened: dict[str, str], index: int) -> None:
        self._s3.upload_part(**opened, PartNumber=index + 1, Body=self._choice.randbytes(PART))
        self._report.count("parts replaced")

    def _abort(self, opened: dict[str, str], index: int) -> None:
        self._s3.abort_multipart_upload(**opened)
        self._report.count("multipart uploads aborted")

    def _gateway_killed(self) -> None:
        time_left = self._context.time_left(SHARE)
        while time_left():
            time.sleep(self._choice.uniform(0.5, 3.0))
            subprocess.run([PROJECT / ".ci/ceph", "restart-gateway", str(self._ceph)], check=True)
            self._report.count(KILLS)

    def _disk_killed(self) -> None:
        assert self._ceph is not None
        os.kill(int((self._ceph / "run/osd.0.pid").read_text()), signal.SIGKILL)
        self._report.count(KILLS)
