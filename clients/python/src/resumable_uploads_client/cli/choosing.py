"""What ``put`` uploads: files, directories with all that is in them, standard input."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fnmatch import fnmatch
from pathlib import Path, PurePath
from typing import IO

import click

from .showing import printable

NANOSECONDS = 10**9


@dataclass(frozen=True)
class Candidate:
    """One thing to upload.

    Attributes:
        label: what it is called here.
        place: its path there: what tells whether it is stored already. Empty for standard input.
        size: bytes; None if nobody knows.
        modified: when it was written, in seconds since the epoch with nine decimals; empty if nobody knows.
    """

    source: str | IO[bytes]
    label: str
    place: str = ""
    size: int | None = None
    modified: str = ""

    @property
    def metadata(self) -> dict[str, str]:
        """What is kept with the upload, so that the next run knows it again."""
        return {"relative_path": self.place, "mtime": self.modified} if self.place else {}


def candidates(
    files: Sequence[str], *, recursive: bool, exclude: Sequence[str], name: str | None
) -> Iterator[Candidate]:
    """What is to be uploaded, unless it is stored already.

    Args:
        exclude: shell patterns; what is in a directory is left out if its path below that, or a part of it, matches.
        name: what the one file is called there.

    Raises:
        click.UsageError: a directory without ``recursive``.
    """
    for given in files:
        path = Path(given)
        if given == "-":
            yield Candidate(sys.stdin.buffer, "standard input")
        elif not path.is_dir():
            yield _of_file(path, given, name or path.name)
        elif recursive:
            yield from _in_directory(path, exclude)
        else:
            raise click.UsageError(f"{printable(given)} is a directory; use --recursive.")


def _in_directory(directory: Path, exclude: Sequence[str]) -> Iterator[Candidate]:
    for file in sorted(directory.rglob("*")):
        if file.is_file() and not _is_excluded(file.relative_to(directory), exclude):
            yield _of_file(file, str(file), file.relative_to(directory.parent).as_posix())


def _is_excluded(path: PurePath, patterns: Sequence[str]) -> bool:
    texts = (path.as_posix(), *path.parts)
    return any(fnmatch(text, pattern) for pattern in patterns for text in texts)


def _of_file(path: Path, label: str, place: str) -> Candidate:
    try:
        status = path.stat()
    except OSError:
        return Candidate(str(path), label, place)  # Whoever opens it tells why not.
    seconds, nanoseconds = divmod(status.st_mtime_ns, NANOSECONDS)
    return Candidate(str(path), label, place, status.st_size, f"{seconds}.{nanoseconds:09d}")
