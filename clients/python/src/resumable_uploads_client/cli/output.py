"""What is shown: bars on a terminal, plain lines in a pipe, JSON lines for machines. Results go to standard output."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
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

LINE_EVERY_PERCENT = 10


class Output:
    """One command's output."""

    def __init__(self, *, as_json: bool) -> None:
        self._json = as_json

    def result(self, text: str, **fields: Any) -> None:
        if self._json:
            click.echo(json.dumps(fields))
        else:
            say(text)

    def error(self, name: str, error: Exception, *, kind: str = "file") -> None:
        detail = error.detail if isinstance(error, UploadError) else str(error)
        if self._json:
            code = error.code if isinstance(error, UploadError) else "file_error"
            status = error.status if isinstance(error, UploadError) else 0
            click.echo(json.dumps({"event": "failed", kind: name, "code": code, "status": status, "detail": detail}))
        else:
            say(f"{name}: {detail}", err=True)

    @contextmanager
    def progress(self, name: str) -> Iterator[OnProgress]:
        """A listener for the progress of one file."""
        if self._json:
            yield lambda progress: self._json_line(name, progress)
        elif sys.stderr.isatty():
            with _bars() as bars:
                yield _bar(bars, name)
        else:
            yield _plain_lines(name)

    @staticmethod
    def _json_line(name: str, progress: Progress) -> None:
        fields = {
            "event": "progress",
            "file": name,
            "sent_bytes": progress.sent_bytes,
            "total_bytes": progress.total_bytes,
            "percentage": None if progress.percentage is None else round(progress.percentage, 2),
            "bytes_per_second": round(progress.bytes_per_second),
            "waiting_for": progress.waiting_for,
        }
        click.echo(json.dumps(fields))


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


def _plain_lines(name: str) -> OnProgress:
    told = 0

    def show(progress: Progress) -> None:
        nonlocal told
        if progress.waiting_for:
            say(f"{name}: {progress.waiting_for}", err=True)
        percentage = progress.percentage or 0
        if percentage >= told + LINE_EVERY_PERCENT:
            told = int(percentage // LINE_EVERY_PERCENT * LINE_EVERY_PERCENT)
            say(f"{name}: {told}%, {progress.bytes_per_second / 1e6:.1f} MB/s", err=True)

    return show
