"""What is shown: bars on a terminal, plain lines in a pipe, JSON lines for machines. Results go to standard output."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from threading import Lock
from typing import Any

import click
from rich.console import Console
from rich.progress import (
    BarColumn,
    DownloadColumn,
    TextColumn,
    TimeRemainingColumn,
    TransferSpeedColumn,
)
from rich.progress import Progress as Bars

from ..errors import UploadError
from ..progress import OnProgress, Progress
from .showing import printable, say
from .units import size_text

LINE_EVERY_PERCENT = 10


class Output:
    """One command's output, from many threads.

    Args:
        quiet: errors alone, but for the lines of JSON.
    """

    def __init__(self, *, as_json: bool, quiet: bool = False) -> None:
        self._json = as_json
        self._quiet = quiet
        self._lock = Lock()
        self._bars: Bars | None = None
        self._shown = 0

    def result(self, text: str, **fields: Any) -> None:
        if self._json:
            self._line(fields)
        elif not self._quiet:
            self._say(text)

    def skipped(self, name: str, upload_id: str) -> None:
        """A file is stored already."""
        if self._json:
            self._line({"event": "skipped", "file": name, "upload_id": upload_id})
        elif not self._quiet:
            self._say(f"{name}: stored already", err=True)

    def would_upload(self, name: str, size: int | None) -> None:
        """A file is not stored, and nothing is to be done about it."""
        if self._json:
            self._line({"event": "would_upload", "file": name, "size": size})
        else:
            self._say(f"{name}: would be uploaded, {size_text(size)}")

    def _line(self, fields: dict[str, Any]) -> None:
        with self._lock:
            click.echo(json.dumps(fields))

    def _say(self, text: str, *, err: bool = False) -> None:
        with self._lock:
            say(text, err=err)

    def error(self, name: str, error: Exception, *, kind: str = "file") -> None:
        detail = error.detail if isinstance(error, UploadError) else str(error)
        if self._json:
            code = error.code if isinstance(error, UploadError) else "file_error"
            status = error.status if isinstance(error, UploadError) else 0
            self._line({"event": "failed", kind: name, "code": code, "status": status, "detail": detail})
        else:
            self._say(f"{name}: {detail}", err=True)

    @contextmanager
    def progress(self, name: str) -> Iterator[OnProgress]:
        """A listener for the progress of one file; of several at once."""
        if self._json:
            yield lambda progress: self._json_line(name, progress)
        elif self._quiet:
            yield lambda progress: None
        elif sys.stderr.isatty():
            with self._shared_bars() as bars:
                yield _bar(bars, name)
        else:
            yield _plain_lines(name, self._say)

    @contextmanager
    def _shared_bars(self) -> Iterator[Bars]:
        """One for each file under way; they stand as long as there is one."""
        with self._lock:
            self._shown += 1
            if self._bars is None:
                self._bars = _bars()
                self._bars.start()
            bars = self._bars
        try:
            yield bars
        finally:
            with self._lock:
                self._shown -= 1
                if self._shown == 0:
                    bars.stop()
                    self._bars = None

    def _json_line(self, name: str, progress: Progress) -> None:
        self._line(
            {
                "event": "progress",
                "file": name,
                "sent_bytes": progress.sent_bytes,
                "total_bytes": progress.total_bytes,
                "percentage": None if progress.percentage is None else round(progress.percentage, 2),
                "bytes_per_second": round(progress.bytes_per_second),
                "waiting_for": progress.waiting_for,
            }
        )


def _bars() -> Bars:
    return Bars(
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        TextColumn("{task.fields[percentage]}"),
        DownloadColumn(),
        TransferSpeedColumn(),
        TimeRemainingColumn(),
        TextColumn("{task.fields[note]}", markup=False),
        console=Console(stderr=True),
    )


def _bar(bars: Bars, name: str) -> OnProgress:
    shown = _end_of(printable(name), bars.console.width // 3)
    task = bars.add_task(shown, total=None, note="", percentage="")

    def show(progress: Progress) -> None:
        percentage = "" if progress.percentage is None else f"{progress.percentage:3.0f}%"
        bars.update(
            task,
            completed=progress.sent_bytes,
            total=progress.total_bytes,
            note=printable(progress.waiting_for),
            percentage=percentage,
        )

    return show


def _end_of(name: str, room: int) -> str:
    """A path that leaves room for its bar: its end says more than its beginning."""
    return name if len(name) <= room else f"…{name[1 - room :]}"


def _plain_lines(name: str, tell: Callable[..., None]) -> OnProgress:
    told = 0

    def show(progress: Progress) -> None:
        nonlocal told
        if progress.waiting_for:
            tell(f"{name}: {progress.waiting_for}", err=True)
        percentage = progress.percentage or 0
        if percentage >= told + LINE_EVERY_PERCENT:
            told = int(percentage // LINE_EVERY_PERCENT * LINE_EVERY_PERCENT)
            tell(f"{name}: {told}%, {progress.bytes_per_second / 1e6:.1f} MB/s", err=True)

    return show
