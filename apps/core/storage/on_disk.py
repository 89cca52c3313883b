"""Django storages whose files are on a local disk: what has to be done there that Django leaves to luck."""

from __future__ import annotations

import os
import stat
from contextlib import suppress
from pathlib import Path

from django.core.files.storage import FileSystemStorage, Storage

FLUSHED_PARENTS = 3
"""Directories above a file that may be new: those of ``%Y/%m/%d``."""


def local_path(storage: Storage, name: str) -> Path | None:
    """Where a file is on a local disk; None if the storage is none."""
    return Path(storage.path(name)) if isinstance(storage, FileSystemStorage) else None


def device_for(path: Path) -> int:
    """The file system where a file is, or would be once its directories are made."""
    while not path.exists():
        path = path.parent
    return path.stat().st_dev


def take_group_of_directory(path: Path) -> None:
    """A file that is made in a set-group-ID directory has its group; one that is moved there keeps its own."""
    directory = path.parent.stat()
    if directory.st_mode & stat.S_ISGID:
        os.chown(path, -1, directory.st_gid)


def flush(path: Path) -> None:
    """Write a file, and that it is there, to the disk: a power failure must not forget what the ledger says."""
    _flush(path, os.O_RDONLY)
    for directory in (path.parent, *path.parent.parents[:FLUSHED_PARENTS]):
        with suppress(PermissionError):
            _flush(directory, os.O_RDONLY | os.O_DIRECTORY)


def _flush(path: Path, flags: int) -> None:
    fd = os.open(path, flags | os.O_CLOEXEC)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)
