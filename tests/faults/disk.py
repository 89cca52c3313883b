"""Disks that are full, that turned read-only, and whose power failed, under the store alone or under everything.

Small file systems of the campaign's own, so it needs root on Linux. A full one is a tmpfs that is filled while chunks
stream. A read-only one is an ext4 image whose file system is aborted, as the kernel does when a disk fails; what was
not flushed then is gone when it comes back, which makes it a power failure too.
"""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from .audit import audit
from .client import Answer, Client
from .content import KIB, MIB, Content
from .context import Context
from .load import Load
from .report import LOST, TRIALS, WRONG, Report
from .server import FaultServer

SIZE = 200 * MIB
SETTINGS = {
    "MIN_FREE_DISK_BYTES": 0,
    "LEASE_SECONDS": 2.0,
    "COMPLETE_WAIT": 1.0,
    "INLINE_ASSEMBLE_BYTES": 3 * MIB,
    "MAX_FILE_SIZE": 600 * MIB,
}
LOAD: dict[str, Any] = {"senders": 4, "open_uploads": 4, "largest": 6 * MIB}
IN_TROUBLE = (503, 507)


def run(context: Context) -> Report:
    report = Report("disk")
    if os.geteuid() != 0:
        report.note("skipped: mounting file systems needs root")
        return report
    kinds = (_Full, _ReadOnly, _PowerFailure, _FlushedPowerFailure)
    scenes = [(kind, everything) for kind in kinds for everything in (False, True)]
    for kind, everything in scenes:
        report.count(TRIALS)
        try:
            kind(context, report, everything).run(context.seconds / len(scenes))
        except subprocess.CalledProcessError as error:
            report.note(f"skipped: {kind.name}: {error}")
    return report


class _Scene:
    """One kind of trouble.

    Args:
        everything: DATA_DIR is on the disk that has it, and not only MEDIA_ROOT.
    """

    name: str
    forgives_loss = False
    serves_meanwhile = True
    settings = SETTINGS
    cancelling: tuple[int, ...] = (*IN_TROUBLE, 200)
    removing: tuple[int, ...] = (*IN_TROUBLE, 204)

    def __init__(self, context: Context, report: Report, everything: bool) -> None:
        self._context = context
        self._report = report
        self._everything = everything
        self._disk = context.directory / "disk"

    def run(self, seconds: float) -> None:
        with self._mounted():
            data = (
                self._disk / "data"
                if self._everything
                else self._context.directory / f"data-{self.name.replace(' ', '-')}"
            )
            media = data / "media" if self._everything else self._disk / "media"
            with (
                self._context.server(self.settings, directory=data, MEDIA_ROOT=str(media)) as server,
                Load(server, self._report, seed=self._context.seed, forgives_loss=self.forgives_loss, **LOAD) as load,
            ):
                cast = _Cast(server, self._report)
                time.sleep(seconds / 4)
                load.verify()
                self._break(server, load)
                time.sleep(seconds / 4)
                if self.serves_meanwhile:
                    cast.try_everything(self._label, self.cancelling, self.removing)
                self._mend(server)
                load.drain(20)
                cast.finish(self.forgives_loss)
                time.sleep(2)
                # Until they are completed, nobody knows which chunks a power failure took.
                audit(server, self._report, forgive={LOST} if self.forgives_loss else ())

    @property
    def _label(self) -> str:
        return f"{self.name}{' everything' if self._everything else ''}: "

    @contextmanager
    def _mounted(self) -> Iterator[None]:
        self._disk.mkdir(exist_ok=True)
        self._mount()
        try:
            yield
        finally:
            _run("umount", "--lazy", str(self._disk))

    def _mount(self) -> None:
        raise NotImplementedError

    def _break(self, server: FaultServer, load: Load) -> None:
        raise NotImplementedError

    def _mend(self, server: FaultServer) -> None:
        raise NotImplementedError


class _Full(_Scene):
    name = "full"
    # What makes room must work where there is none.
    cancelling = (200,)
    removing = (204,)

    def _mount(self) -> None:
        _run("mount", "-t", "tmpfs", "-o", f"size={SIZE},mode=700", "tmpfs", str(self._disk))

    def _break(self, server: FaultServer, load: Load) -> None:
        # Twice: what was in use the first time may have been given up.
        for part in ("ballast", "more-ballast"):
            _fill(self._disk / part)
            time.sleep(0.3)

    def _mend(self, server: FaultServer) -> None:
        for part in ("ballast", "more-ballast"):
            (self._disk / part).unlink()


class _ReadOnly(_Scene):
    name = "read-only"

    @property
    def _image(self) -> Path:
        return self._disk.with_suffix(".img")

    def _mount(self) -> None:
        with self._image.open("wb") as image:
            image.truncate(SIZE)
        _run("mkfs.ext4", "-q", "-F", str(self._image))
        _run("mount", "-o", "loop", str(self._image), str(self._disk))

    def _break(self, server: FaultServer, load: Load) -> None:
        with load.held():
            _run("sync", "-f", str(self._disk))
            self._abort()

    def _abort(self) -> None:
        _run("mount", "-o", "remount,abort", str(self._disk))

    def _mend(self, server: FaultServer) -> None:
        server.kill()
        _unmount(self._disk)
        # Its exit code says that it corrected something.
        subprocess.run(["fsck.ext4", "-fy", str(self._image)], capture_output=True)
        _run("mount", "-o", "loop", str(self._image), str(self._disk))
        server.start()


class _PowerFailure(_ReadOnly):
    """All that was not flushed is gone. Recorded chunks may be asked for again; completed files are right."""

    name = "power failure"
    forgives_loss = True
    serves_meanwhile = False

    def _break(self, server: FaultServer, load: Load) -> None:
        self._abort()
        server.kill()


class _FlushedPowerFailure(_PowerFailure):
    """With ``SYNC_CHUNKS`` nothing that was acknowledged is gone."""

    name = "power failure with SYNC_CHUNKS"
    forgives_loss = False
    settings = {**SETTINGS, "SYNC_CHUNKS": True}


class _Cast:
    """Uploads in every state, made before the trouble, and what becomes of them."""

    def __init__(self, server: FaultServer, report: Report) -> None:
        self._server = server
        self._report = report
        self._client = Client(server, report)
        self._contents: dict[str, Content] = {}
        self._acknowledged: dict[str, set[int]] = {}
        self._partial = self._upload(20, 64 * KIB, 5)
        self._small = self._upload(2, 64 * KIB, 2)
        self._large = self._upload(4, MIB, 4)
        self._cancelled = [self._upload(20, 64 * KIB, 5) for _ in range(3)]
        self._deleted = [self._upload(4, 64 * KIB, 4) for _ in range(2)]
        self._overdue = self._upload(4, 64 * KIB, 2)
        self._completed = self._upload(3, 64 * KIB, 3)
        for upload_id in (self._completed, self._deleted[0]):
            self._client.finish(upload_id)
        server.in_django(OVERDUE.format(upload_id=self._overdue))

    def _upload(self, count: int, chunk_size: int, sent: int) -> str:
        content = Content(count * chunk_size, chunk_size)
        upload_id = self._client.begin(content)
        self._contents[upload_id], self._acknowledged[upload_id] = content, set()
        for index in range(sent):
            self._put(upload_id, index, (200,))
        return upload_id

    def _put(self, upload_id: str, index: int, expect: Collection[int]) -> None:
        answer = self._client.put(upload_id, index, self._contents[upload_id].chunk(index), expect=expect)
        if answer.status == 200:
            self._acknowledged[upload_id].add(index)

    def try_everything(self, label: str, cancelling: Collection[int], removing: Collection[int]) -> None:
        """Every operation while the trouble lasts. Nothing may end in a 500; what only reads must work."""
        client, partial = self._client, self._partial
        client.label = label
        client.status(partial, expect=(200,))
        client.call("list", "GET", "", expect=(200,))
        client.call("download", "GET", f"file/{self._completed}", expect=(200,))
        for index in (5, 6, 7):
            self._put(partial, index, (200, *IN_TROUBLE))
        data = self._contents[partial].chunk(0)
        client.put(partial, 0, data, operation="put again", expect=(200, *IN_TROUBLE))
        client.put(partial, 9, data, operation="put damaged", digest=bytes(32), expect=(400, *IN_TROUBLE))
        answer = client.post_chunk(partial, 8, self._contents[partial].chunk(8))
        if answer.status == 200:
            self._acknowledged[partial].add(8)
        client.init(Content(64 * KIB, 64 * KIB), expect=(201, *IN_TROUBLE))
        for upload_id in (self._small, self._large):
            client.complete(upload_id, expect=(200, 202, *IN_TROUBLE))
        client.status(self._overdue, expect=(200, *IN_TROUBLE))
        for upload_id in self._cancelled:
            client.cancel(upload_id, expect=cancelling)
        for upload_id in self._deleted:
            client.delete(upload_id, expect=removing)
        swept = self._server.cleanup()
        if "Traceback" in swept.stderr:
            self._report.defect(f"{label}cleanup fell over: {swept.stderr.strip().splitlines()[-1]}")
        client.label = ""

    def finish(self, forgives_loss: bool) -> None:
        """After the trouble: what was acknowledged is there, and everything can be brought to its end."""
        for upload_id in (self._partial, self._small, self._large):
            status = self._client.status(upload_id)
            lost = self._acknowledged[upload_id] & self._missing(status)
            if lost and not forgives_loss:
                self._report.defect(f"acknowledged and not recorded: {upload_id} {sorted(lost)}", LOST, len(lost))
            answer = self._send_and_finish(upload_id, self._missing(status))
            if answer.missing and not forgives_loss:
                self._report.defect(f"asked for again at complete: {upload_id} {answer}", LOST, len(answer.missing))
            if answer.missing:
                answer = self._send_and_finish(upload_id, answer.missing)
            if self._server.published_sha256(upload_id) != self._contents[upload_id].sha256:
                self._report.defect(f"not right after the trouble: {upload_id} {answer}", WRONG)

    @staticmethod
    def _missing(answer: Answer) -> set[int]:
        return set(answer.document["progress"]["missing_chunks"])

    def _send_and_finish(self, upload_id: str, missing: set[int]) -> Answer:
        for index in sorted(missing):
            self._put(upload_id, index, (200,))
        return self._client.finish(upload_id)


OVERDUE = """
from django.utils import timezone
from apps.core.models import UploadSession
UploadSession.objects.filter(upload_id="{upload_id}").update(expires_at=timezone.now())
"""


def _fill(path: Path) -> None:
    """Take all room that is left, to the last byte."""
    block = bytes(MIB)
    with path.open("wb", buffering=0) as ballast:
        while block:
            try:
                written = ballast.write(block)
            except OSError:
                written = 0
            if written < len(block):
                block = block[: len(block) // 2]


def _unmount(point: Path) -> None:
    """Killed processes may take a moment to close their files."""
    deadline = time.monotonic() + 10
    while subprocess.run(["umount", str(point)], capture_output=True).returncode and time.monotonic() < deadline:
        time.sleep(0.2)


def _run(*command: str) -> None:
    subprocess.run(command, check=True, capture_output=True, text=True)
