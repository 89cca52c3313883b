"""A server that can be hit: its processes one by one, its commands, its files."""

from __future__ import annotations

import hashlib
import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

from ..server_process import PROJECT, ServerProcess
from .content import KIB, MIB
from .settings import OVERRIDES


class FaultServer(ServerProcess):
    """The project's server, with settings of the campaign's own.

    Args:
        settings: keys of ``RESUMABLE_UPLOADS``.
        environment: variables, as an operator would set them.
    """

    def __init__(self, directory: Path, kind: str, settings: dict[str, Any], **environment: str) -> None:
        super().__init__(
            directory,
            kind,
            **{
                "DJANGO_SETTINGS_MODULE": "tests.faults.settings",
                OVERRIDES: json.dumps(settings),
                "WORKERS": "2",
                "LOG_LEVEL": "WARNING",
                **environment,
            },
        )
        self._media = Path(environment.get("MEDIA_ROOT", directory / "media")) / "uploads"

    # Its processes

    def processes(self) -> Iterator[int]:
        """All processes of the server."""
        assert self._process is not None
        for entry in Path("/proc").iterdir():
            if entry.name.isdigit() and _group_of(int(entry.name)) == self._process.pid:
                yield int(entry.name)

    def workers(self) -> list[int]:
        """The processes that serve requests: under either server the children of the first one."""
        assert self._process is not None
        children = [pid for pid in self.processes() if _parent_of(pid) == self._process.pid]
        # uvicorn has multiprocessing's resource tracker beside them.
        return [pid for pid in children if b"resource_tracker" not in Path(f"/proc/{pid}/cmdline").read_bytes()]

    def memory(self) -> int:
        """Bytes that all its processes hold, what they share counted once."""
        return sum(_proportional_set_size(pid) for pid in self.processes())

    def signal_worker(self, pid: int, number: signal.Signals) -> None:
        with suppress(ProcessLookupError):
            os.kill(pid, number)

    # Its commands

    def command(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run a Python command in its environment, whatever comes of it."""
        return subprocess.run(
            [sys.executable, *arguments], cwd=PROJECT, env=self.environment, capture_output=True, text=True, timeout=300
        )

    def begin(self, *arguments: str) -> subprocess.Popen[bytes]:
        """Begin a Python command in its environment, as a process group of its own."""
        with self.log.open("ab") as log:
            return subprocess.Popen(
                [sys.executable, *arguments],
                cwd=PROJECT,
                env=self.environment,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    def cleanup(self) -> subprocess.CompletedProcess[str]:
        return self.command("manage.py", "cleanup_expired_uploads")

    def in_django(self, code: str) -> str:
        """Run statements inside its configured Django; returns what they print."""
        return self.run("manage.py", "shell", "--no-imports", "-c", code).strip()

    # Its files

    def part(self, upload_id: str) -> Path:
        return self._media / "staging" / f"{_hex(upload_id)}.part"

    def claims(self, upload_id: str) -> Path:
        return self._media / "staging" / f"{_hex(upload_id)}.claims"

    def published(self, upload_id: str) -> Path:
        return self._media / "files" / _hex(upload_id)[-2:] / _hex(upload_id)

    def staged_chunk(self, upload_id: str, offset: int, size: int) -> bytes | None:
        """Bytes of a staged file; None when it was published or removed meanwhile."""
        try:
            with self.part(upload_id).open("rb") as file:
                return os.pread(file.fileno(), size, offset)
        except FileNotFoundError:
            return None

    def published_sha256(self, upload_id: str) -> str | None:
        digest = hashlib.sha256()
        try:
            with self.published(upload_id).open("rb") as file:
                while block := file.read(MIB):
                    digest.update(block)
        except FileNotFoundError:
            return None
        return digest.hexdigest()


def _hex(upload_id: str) -> str:
    return upload_id.replace("-", "")


def _stat(pid: int) -> list[str]:
    """State, parent, group and so on of a process; nothing when it is gone."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return []
    return [] if fields[0] == "Z" else fields


def _group_of(pid: int) -> int | None:
    fields = _stat(pid)
    return int(fields[2]) if fields else None


def _parent_of(pid: int) -> int | None:
    fields = _stat(pid)
    return int(fields[1]) if fields else None


def _proportional_set_size(pid: int) -> int:
    try:
        lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    except OSError:
        return 0
    return sum(int(line.split()[1]) * KIB for line in lines if line.startswith("Pss:"))
