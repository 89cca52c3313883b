"""The store on local disk (or one shared file system).

``staging/<id>.part`` holds the bytes of an upload, each chunk at its final offset (see :mod:`.staging`). Publishing
renames the part file into ``files/``: nothing is copied. Names on disk are made from the upload id alone.
"""

from __future__ import annotations

import errno
import os
import secrets
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, suppress
from datetime import UTC, datetime, timedelta
from functools import cached_property
from pathlib import Path
from typing import Any, BinaryIO
from uuid import UUID

from django.core.files import File
from django.core.files.storage import FileSystemStorage

from ...conf import upload_settings
from ...grid import Span
from ..base import PublishedObject, Reopened, Segment, Staged, StoredPart, WriteGuard
from ..disk import require_free
from ..errors import SealLost, StagingMissing, storage_errors
from .claims import FREE, ClaimEntry
from .staging import Staging, make_private, open_private_directory
from .writer import LocalWriter

IDENTITY = "store-id"
DIRECTORIES = ("files", "staging", "trash")
"""What a root has in it."""


class _PublishedFiles(FileSystemStorage):
    """Published files for Django, read without following a link that somebody planted, at a file or above it."""

    def __init__(self, location: Path) -> None:
        super().__init__(location=location, file_permissions_mode=0o600, directory_permissions_mode=0o700)

    def _open(self, name: str, mode: str = "rb") -> File[Any]:
        return File(open(self.path(name), mode, opener=self._open_below))

    def _open_below(self, path: str, flags: int) -> int:
        directory = os.open(self.location, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
        try:
            *shelves, name = Path(path).relative_to(self.location).parts
            for shelf in shelves:
                above = directory
                directory = os.open(shelf, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=above)
                os.close(above)
            return os.open(name, flags | os.O_NOFOLLOW, mode=0o600, dir_fd=directory)
        except OSError as error:
            if error.errno in (errno.ELOOP, errno.ENOTDIR):  # A link is no published file.
                raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), path) from None
            raise
        finally:
            os.close(directory)


class LocalStore:
    """Staging and published files below one directory of one file system.

    Args:
        location: the directory; below ``MEDIA_ROOT`` if it is relative. Default: the ``root`` setting.
    """

    min_chunk_size = 1
    verifies_parts = False
    reads_cost = False
    orphan_age = timedelta(hours=1)
    """Longer than any request that could begin an upload."""

    def __init__(self, location: str | Path | None = None) -> None:
        self.root = upload_settings().below_media_root(location)
        self.published = _PublishedFiles(self.root / "files")
        self._staging = Staging(self.root / "staging")

    @cached_property
    def _files(self) -> int:
        return open_private_directory(self.root, "files")

    def begin(self, upload_id: UUID, *, mime_type: str) -> str:
        self._staging.create(upload_id)
        return ""

    def require_room(self, size: int) -> None:
        require_free(os.fstatvfs(self._staging.fd), size)

    def writer(
        self,
        staged: Staged,
        span: Span,
        guard: WriteGuard,
        *,
        start: int = 0,
        supersede: bool = False,
        segments: Sequence[Segment] = (),
    ) -> LocalWriter:
        return LocalWriter(self._staging, staged.upload_id, span, guard, start=start, supersede=supersede)

    def exclusive(self, staged: Staged, index: int) -> AbstractContextManager[ClaimEntry]:
        return self._staging.exclusive(staged.upload_id, index)

    def exclusive_run(self, staged: Staged, first: int, count: int) -> AbstractContextManager[list[ClaimEntry]]:
        return self._staging.exclusive_run(staged.upload_id, first, count)

    def seal(self, staged: Staged, parts: Iterable[StoredPart], lease: UUID, keep: Callable[[], None]) -> None:
        """Wait for the writers at work; later ones find that the session takes no chunks, and write nothing."""
        self._staging.create_kind(staged.upload_id, "claims")  # They are gone if it is published, or they were lost.
        with self._staging.exclusive_whole(staged.upload_id) as seal:
            seal.write(lease.bytes)

    def reopen(
        self, staged: Staged, intact: Iterable[StoredPart], lease: UUID, keep: Callable[[], None], *, mime_type: str
    ) -> Reopened:
        with self._sealed(staged.upload_id, lease) as seal:
            self._take_back_published(staged)
            self._staging.create(staged.upload_id)
            seal.write(FREE)
        return Reopened("", {part.index: part.etag for part in intact})

    def _take_back_published(self, staged: Staged) -> None:
        """What an assembly published and never recorded has the intact chunks."""
        part = f"{staged.upload_id.hex}.part"
        with storage_errors(), suppress(FileNotFoundError):
            os.rename(self.name_of(staged), part, src_dir_fd=self._files, dst_dir_fd=self._staging.fd)

    @contextmanager
    def _sealed(self, upload_id: UUID, lease: UUID) -> Iterator[ClaimEntry]:
        """Nobody else can write, seal, publish or reopen meanwhile."""
        with self._staging.exclusive_whole(upload_id) as seal:
            if seal.read() != lease.bytes:
                raise SealLost
            yield seal

    def open(self, staged: Staged) -> BinaryIO:
        with storage_errors():
            try:
                fd = self._staging.open(staged.upload_id, "part", os.O_RDONLY)
            except FileNotFoundError:
                fd = os.open(self.name_of(staged), os.O_RDONLY | os.O_NOFOLLOW, dir_fd=self._files)
        return os.fdopen(fd, "rb", buffering=0)

    def open_kept(self, staged: Staged, span: Span, segments: Sequence[Segment]) -> BinaryIO:
        stored = self.open(staged)
        stored.seek(span.offset)
        return stored

    def publish(self, staged: Staged, size: int, lease: UUID) -> str:
        name = self.name_of(staged)
        with storage_errors():
            try:
                self._flush(staged.upload_id, size)
            except FileNotFoundError:
                os.stat(name, dir_fd=self._files, follow_symlinks=False)  # Published by an earlier attempt.
            else:
                with self._sealed(staged.upload_id, lease):
                    self._move_to_published(staged.upload_id, name)
        self._staging.remove_kind(staged.upload_id, "claims")
        return name

    @property
    def device(self) -> int:
        return os.fstat(self._staging.fd).st_dev

    @contextmanager
    def moving(self, staged: Staged, size: int, lease: UUID) -> Iterator[Path]:
        with self._sealed(staged.upload_id, lease):
            with storage_errors():
                try:
                    self._flush(staged.upload_id, size)
                except FileNotFoundError:
                    raise StagingMissing from None
            yield self.root / "staging" / f"{staged.upload_id.hex}.part"
            os.fsync(self._staging.fd)
        self._staging.remove_kind(staged.upload_id, "claims")

    def _flush(self, upload_id: UUID, size: int) -> None:
        fd = self._staging.open(upload_id, "part", os.O_RDWR)
        try:
            if os.fstat(fd).st_size > size:
                os.ftruncate(fd, size)
            os.utime(fd)  # Its age is counted from now on (see check_uploads).
            os.fsync(fd)
        finally:
            os.close(fd)

    def _move_to_published(self, upload_id: UUID, name: str) -> None:
        shelf_name, file_name = name.split("/")
        with suppress(FileExistsError):
            os.mkdir(shelf_name, mode=0o700, dir_fd=self._files)
            os.fsync(self._files)
        with self._shelf(shelf_name) as shelf:
            os.rename(f"{upload_id.hex}.part", file_name, src_dir_fd=self._staging.fd, dst_dir_fd=shelf)
            os.fsync(shelf)

    @contextmanager
    def _shelf(self, name: str) -> Iterator[int]:
        """One of the directories that the published files are spread over, open."""
        shelf = os.open(name, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=self._files)
        try:
            yield shelf
        finally:
            os.close(shelf)

    def name_of(self, staged: Staged) -> str:
        # The last byte of a random UUID spreads the files over 256 directories.
        return f"{staged.upload_id.hex[-2:]}/{staged.upload_id.hex}"

    def discard(self, staged: Staged) -> None:
        self._staging.remove(staged.upload_id)

    def discard_orphan(self, staged: Staged) -> None:
        self.discard(staged)

    def remove(self, name: str) -> None:
        shelf_name, _, file_name = name.rpartition("/")
        with suppress(FileNotFoundError), self._shelf(shelf_name) as shelf:
            with suppress(FileNotFoundError):
                os.unlink(file_name, dir_fd=shelf)
            # Also if it was gone: its record goes next, and after a power failure nobody would know of the file.
            os.fsync(shelf)

    def staged(self) -> Iterator[tuple[Staged, datetime]]:
        for upload_id, written in self._staging.uploads():
            yield Staged(upload_id), written

    def objects(self) -> Iterator[PublishedObject]:
        for shelf in self._entries("files"):
            if not shelf.is_dir(follow_symlinks=False):
                continue
            for entry in self._entries(f"files/{shelf.name}"):
                with suppress(FileNotFoundError):
                    if entry.is_file(follow_symlinks=False):
                        stats = entry.stat(follow_symlinks=False)
                        modified = datetime.fromtimestamp(stats.st_mtime, UTC)
                        yield PublishedObject(f"{shelf.name}/{entry.name}", stats.st_size, modified)

    def _entries(self, directory: str) -> list[os.DirEntry[str]]:
        with suppress(FileNotFoundError), os.scandir(self.root / directory) as entries:
            return sorted(entries, key=lambda entry: entry.name)
        return []

    def trash(self, name: str) -> None:
        make_private(self.root, "trash")
        aside = self.root / "trash" / f"{name.replace('/', '-')}.{secrets.token_hex(4)}"
        with suppress(FileNotFoundError):
            (self.root / "files" / name).rename(aside)
            os.utime(aside)  # Its age is counted from now on.

    def empty_trash(self, age: timedelta, is_needed: Callable[[str], bool]) -> int:
        removed = 0
        for entry in self._entries("trash"):
            is_old = entry.stat(follow_symlinks=False).st_mtime <= time.time() - age.total_seconds()
            if is_old and entry.is_file(follow_symlinks=False):
                Path(entry.path).unlink(missing_ok=True)
                removed += 1
        return removed

    def identity(self) -> str:
        make_private(self.root)
        path = self.root / IDENTITY
        if not path.exists():
            fd, fresh = tempfile.mkstemp(dir=self.root)
            with os.fdopen(fd, "w") as file:
                file.write(secrets.token_hex(16))
                file.flush()
                os.fsync(file.fileno())
            with suppress(FileExistsError):
                os.link(fresh, path)  # Whole or not at all, and only once.
            os.unlink(fresh)
        return path.read_text()

    def check(self) -> None:
        os.fstat(self._staging.fd)
        with self._staging.spool() as probe:
            probe.write(b"ready")
            os.fsync(probe.fileno())
