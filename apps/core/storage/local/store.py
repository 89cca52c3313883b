"""The store on local disk (or one shared file system).

``staging/<id>.part`` holds the bytes of an upload, each chunk at its final offset, ``staging/<id>.claims`` says who
writes which chunk (see :mod:`.claims`). Publishing renames the part file into ``files/``: nothing is copied.
Names on disk are made from the upload id alone. Files are 0600, directories 0700, links are never followed.
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

from django.core.files.storage import FileSystemStorage

from ...conf import upload_settings
from ...grid import Span
from ..errors import storage_errors
from .claims import ClaimEntry, locked_entry, locked_whole
from .writer import LocalWriter


class LocalStore:
    """Staging and published files below one directory of one file system."""

    min_chunk_size = 1

    def __init__(self, root: Path) -> None:
        self.root = root
        self.published = FileSystemStorage(
            location=root / "files", file_permissions_mode=0o600, directory_permissions_mode=0o700
        )

    @cached_property
    def _staging(self) -> int:
        return self._open_directory("staging")

    @cached_property
    def _files(self) -> int:
        return self._open_directory("files")

    def _open_directory(self, name: str) -> int:
        self.root.mkdir(mode=0o700, parents=True, exist_ok=True)
        with suppress(FileExistsError):
            (self.root / name).mkdir(mode=0o700)
        return os.open(self.root / name, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)

    def open_staged(self, upload_id: UUID, kind: str, flags: int) -> int:
        return os.open(
            f"{upload_id.hex}.{kind}", flags | os.O_NOFOLLOW | os.O_CLOEXEC, mode=0o600, dir_fd=self._staging
        )

    def begin(self, upload_id: UUID) -> None:
        with storage_errors():
            for kind in ("part", "claims"):
                with suppress(FileExistsError):
                    os.close(self.open_staged(upload_id, kind, os.O_WRONLY | os.O_CREAT | os.O_EXCL))

    def writer(self, upload_id: UUID, span: Span, *, start: int = 0, take_over: bool = False) -> LocalWriter:
        return LocalWriter(self, upload_id, span, start=start, take_over=take_over)

    def exclusive(self, upload_id: UUID, index: int) -> AbstractContextManager[ClaimEntry]:
        with storage_errors():
            return locked_entry(self.open_staged(upload_id, "claims", os.O_RDWR), index)

    def frozen(self, upload_id: UUID) -> AbstractContextManager[None]:
        with storage_errors():
            return locked_whole(self.open_staged(upload_id, "claims", os.O_RDWR))

    def open(self, upload_id: UUID) -> BinaryIO:
        with storage_errors():
            try:
                fd = self.open_staged(upload_id, "part", os.O_RDONLY)
            except FileNotFoundError:
                fd = os.open(self._published_name(upload_id), os.O_RDONLY | os.O_NOFOLLOW, dir_fd=self._files)
        return os.fdopen(fd, "rb", buffering=0)

    def publish(self, upload_id: UUID, size: int) -> str:
        name = self._published_name(upload_id)
        with storage_errors():
            try:
                fd = self.open_staged(upload_id, "part", os.O_RDWR)
            except FileNotFoundError:
                os.stat(name, dir_fd=self._files, follow_symlinks=False)
                return name
            try:
                if os.fstat(fd).st_size > size:
                    os.ftruncate(fd, size)
                os.fsync(fd)
            finally:
                os.close(fd)
            self._move_to_published(upload_id, name)
        return name

    def _move_to_published(self, upload_id: UUID, name: str) -> None:
        shelf_name, file_name = name.split("/")
        with suppress(FileExistsError):
            os.mkdir(shelf_name, mode=0o700, dir_fd=self._files)
            os.fsync(self._files)
        shelf = os.open(shelf_name, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW, dir_fd=self._files)
        try:
            os.rename(f"{upload_id.hex}.part", file_name, src_dir_fd=self._staging, dst_dir_fd=shelf)
            os.fsync(shelf)
        finally:
            os.close(shelf)
        self._remove_staged(upload_id, "claims")

    @staticmethod
    def _published_name(upload_id: UUID) -> str:
        # The last byte of a random UUID spreads the files over 256 directories.
        return f"{upload_id.hex[-2:]}/{upload_id.hex}"

    def discard(self, upload_id: UUID) -> None:
        for kind in ("part", "claims"):
            self._remove_staged(upload_id, kind)

    def _remove_staged(self, upload_id: UUID, kind: str) -> None:
        with suppress(FileNotFoundError):
            os.unlink(f"{upload_id.hex}.{kind}", dir_fd=self._staging)

    def staged(self) -> Iterator[tuple[UUID, datetime]]:
        seen: set[UUID] = set()
        with os.scandir(self._staging) as entries:
            for entry in entries:
                with suppress(ValueError, FileNotFoundError):
                    upload_id = UUID(hex=entry.name.partition(".")[0])
                    if upload_id in seen:
                        continue
                    seen.add(upload_id)
                    written = os.stat(entry.name, dir_fd=self._staging, follow_symlinks=False).st_mtime
                    yield upload_id, datetime.fromtimestamp(written, UTC)

    def spool(self) -> BinaryIO:
        """An unnamed file for the bytes of a second sender; it vanishes with the process."""
        return tempfile.TemporaryFile(dir=self.root / "staging", buffering=0)

    def free_bytes(self) -> int:
        stats = os.fstatvfs(self._staging)
        return stats.f_bavail * stats.f_frsize

    def check(self) -> None:
        os.fstat(self._staging)
        with tempfile.TemporaryFile(dir=self.root / "staging") as probe:
            probe.write(b"ready")
            probe.flush()
            os.fsync(probe.fileno())

    @staticmethod
    def must_sync() -> bool:
        return upload_settings().sync_chunks
