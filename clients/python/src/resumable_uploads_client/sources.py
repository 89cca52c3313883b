"""Where bytes come from: files that are read at any offset, and streams that pass by once."""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Lock
from typing import IO, Any, Protocol

from .errors import FileChanged

PathOrFile = str | os.PathLike[str] | IO[bytes]


class Source(Protocol):
    """Bytes to upload. ``size`` is None while it is not known."""

    name: str
    size: int | None
    rewindable: bool

    @property
    def fingerprint(self) -> str | None:
        """Tells this upload from others without reading it; None where nothing does."""

    def read(self, offset: int, size: int) -> bytes:
        """The bytes at an offset, fewer only at the end. Streams are read in order."""

    def check_unchanged(self) -> None:
        """Raises :class:`FileChanged` if it is not what it was when it was opened."""


class FileSource:
    """A regular file, read with ``pread``: no position to share between threads."""

    rewindable = True

    def __init__(self, descriptor: int, name: str, path: str | None) -> None:
        self.name = name
        self._descriptor = descriptor
        self._path = path
        self._seen = self._look()
        self.size: int | None = self._seen[0]

    @property
    def fingerprint(self) -> str | None:
        return None if self._path is None else f"{self._path}\n{self.name}\n{self._seen}"

    def read(self, offset: int, size: int) -> bytes:
        data = os.pread(self._descriptor, size, offset)
        while len(data) < size and (more := os.pread(self._descriptor, size - len(data), offset + len(data))):
            data += more
        return data

    def check_unchanged(self) -> None:
        if self._look() != self._seen:
            raise FileChanged(f"{self.name} changed while it was being uploaded.")

    def _look(self) -> tuple[int, int]:
        status = os.fstat(self._descriptor)
        return status.st_size, status.st_mtime_ns


class SeekableSource:
    """An object with ``seek`` but without a descriptor, as ``BytesIO``."""

    rewindable = True
    fingerprint = None

    def __init__(self, file: IO[bytes], name: str) -> None:
        self.name = name
        self._file = file
        self._lock = Lock()
        self.size: int | None = file.seek(0, os.SEEK_END)

    def read(self, offset: int, size: int) -> bytes:
        with self._lock:
            self._file.seek(offset)
            return _read_fully(self._file, size)

    def check_unchanged(self) -> None:
        with self._lock:
            size = self._file.seek(0, os.SEEK_END)
        if size != self.size:
            raise FileChanged(f"{self.name} changed while it was being uploaded.")


class StreamSource:
    """A pipe: its size is known at its end, and what passed is gone."""

    rewindable = False

    def __init__(self, file: IO[bytes], name: str) -> None:
        self.name = name
        self.size: int | None = None
        self.fingerprint: str | None = secrets.token_hex(16)
        self._file = file

    def read(self, offset: int, size: int) -> bytes:
        return _read_fully(self._file, size)

    def check_unchanged(self) -> None:
        pass


def _read_fully(file: IO[bytes], size: int) -> bytes:
    """Fewer bytes only at the end: the server takes a short chunk for the last one."""
    parts = bytearray()
    while len(parts) < size and (block := file.read(size - len(parts))) != b"":
        if block is None:
            raise BlockingIOError("Open the pipe in blocking mode; where it ends cannot be told otherwise.")
        parts += block
    return bytes(parts)


@contextmanager
def open_source(path_or_file: PathOrFile, name: str | None = None) -> Iterator[Source]:
    """A source for a path or an open binary file, whichever kind it is.

    Raises:
        OSError: the file cannot be opened.
        TypeError: the file was opened in text mode.
    """
    if isinstance(path_or_file, (str, os.PathLike)):
        with Path(path_or_file).open("rb", buffering=0) as file:
            yield _source_of(file, name or Path(path_or_file).name, os.path.realpath(path_or_file))
        return
    path = _path_of(path_or_file)
    yield _source_of(path_or_file, name or (Path(path).name if path else "upload.bin"), path)


def _source_of(file: Any, name: str, path: str | None) -> Source:
    if isinstance(file.read(0), str):
        raise TypeError("Open the file in binary mode.")
    if not file.seekable():
        return StreamSource(file, name)
    try:
        descriptor = file.fileno()
    except OSError:
        return SeekableSource(file, name)
    source = FileSource(descriptor, name, path)
    if source.size == 0 and source.read(0, 1):
        # A device, or a file below /proc: nobody says how large it is.
        file.seek(0)
        return StreamSource(file, name)
    return source


def _path_of(file: Any) -> str | None:
    name = getattr(file, "name", None)
    return os.path.realpath(name) if isinstance(name, str) and Path(name).is_file() else None
