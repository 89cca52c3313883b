"""The staging directory of the local store: names, descriptors and locks, for the store and its writers.

``<id>.part`` holds the bytes of an upload, ``<id>.claims`` says who writes which chunk (see :mod:`.claims`). Names are
made from the upload id alone. Files are 0600, directories 0700, links are never followed.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import AbstractContextManager, suppress
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from typing import BinaryIO
from uuid import UUID

from ..errors import storage_errors
from .claims import ClaimEntry, locked_entry, locked_run, locked_whole

KINDS = ("part", "claims")


class Staging:
    """Files of uploads that are under way, below one directory."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory

    @cached_property
    def fd(self) -> int:
        """The open directory."""
        return open_private_directory(self.directory.parent, self.directory.name)

    def open(self, upload_id: UUID, kind: str, flags: int) -> int:
        return os.open(f"{upload_id.hex}.{kind}", flags | os.O_NOFOLLOW | os.O_CLOEXEC, mode=0o600, dir_fd=self.fd)

    def create(self, upload_id: UUID) -> None:
        """Make both files, unless they are there."""
        for kind in KINDS:
            self.create_kind(upload_id, kind)

    def create_kind(self, upload_id: UUID, kind: str) -> None:
        with storage_errors(), suppress(FileExistsError):
            os.close(self.open(upload_id, kind, os.O_WRONLY | os.O_CREAT | os.O_EXCL))

    def remove(self, upload_id: UUID) -> None:
        for kind in KINDS:
            self.remove_kind(upload_id, kind)

    def remove_kind(self, upload_id: UUID, kind: str) -> None:
        with suppress(FileNotFoundError):
            os.unlink(f"{upload_id.hex}.{kind}", dir_fd=self.fd)

    def exclusive(self, upload_id: UUID, index: int) -> AbstractContextManager[ClaimEntry]:
        """The entry of one chunk, locked."""
        with storage_errors():
            return locked_entry(self.open(upload_id, "claims", os.O_RDWR), index)

    def exclusive_run(self, upload_id: UUID, first: int, count: int) -> AbstractContextManager[list[ClaimEntry]]:
        """The entries of several chunks in a row, locked together."""
        with storage_errors():
            return locked_run(self.open(upload_id, "claims", os.O_RDWR), first, count)

    def exclusive_whole(self, upload_id: UUID) -> AbstractContextManager[ClaimEntry]:
        """All entries, locked: every :meth:`exclusive` section that began before is done. Gives the seal."""
        with storage_errors():
            return locked_whole(self.open(upload_id, "claims", os.O_RDWR))

    def spool(self) -> BinaryIO:
        """An unnamed file for the bytes of a second sender; it vanishes with the process."""
        with storage_errors():
            return tempfile.TemporaryFile(dir=self.directory, buffering=0)

    def uploads(self) -> Iterator[tuple[UUID, datetime]]:
        """Every upload with files here, and when they were last written."""
        seen: set[UUID] = set()
        with os.scandir(self.fd) as entries:
            for entry in entries:
                with suppress(ValueError, FileNotFoundError):
                    upload_id = UUID(hex=entry.name.partition(".")[0])
                    if upload_id in seen:
                        continue
                    seen.add(upload_id)
                    written = os.stat(entry.name, dir_fd=self.fd, follow_symlinks=False).st_mtime
                    yield upload_id, datetime.fromtimestamp(written, UTC)


def open_private_directory(root: Path, name: str) -> int:
    """Open a directory of a store, which is made first if it is missing."""
    return os.open(make_private(root, name), os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)


def make_private(root: Path, name: str = "") -> Path:
    """Make a store's root, and a directory in it, for their owner alone. What is above belongs to others, such as a web
    server that serves ``MEDIA_ROOT``."""
    root.parent.mkdir(parents=True, exist_ok=True)
    for path in (root, root / name):
        with suppress(FileExistsError):
            path.mkdir(mode=0o700)
    return root / name
