"""Where bytes come from: files that are read at any offset, and streams that pass by once."""

from __future__ import annotations

import hashlib
import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Lock
from typing import IO, Any, Protocol

from .errors import FileChanged

PathOrFile = str | os.PathLike[str] | IO[bytes]

EDGE_BYTES = 64 * 1024


class Source(Protocol):
    """Bytes to upload. ``size`` is None while it is not known."""

    name: str
    size: int | None
    rewindable: bool

    @property
    def fingerprint(self) -> str:
        """Tells this upload from others without reading it all."""

    def read(self, offset: int, size: int) -> bytes:
        """The bytes at an offset, fewer only at the end. Streams are read in order."""

    def check_unchanged(self) -> None:
        """Raises :class:`FileChanged` if it is not what it was when it was opened."""


class FileSource:
    """A file that can be rewound: a regular one, or an object with ``seek`` as ``BytesIO``. Safe to use from many
    threads, which share its position.

    Args:
        path: where it is, if it has a place.
        field: what it is for, if it is for something: the same file for something else is another upload.
    """

    rewindable = True

    def __init__(self, file: IO[bytes], name: str, path: str | None = None, field: str = "") -> None:
        self.name = name
        self._field = field
        self._file = file
        self._path = path
        self._lock = Lock()
        self._seen = self._look()
        self.size: int | None = self._seen[0]

    @property
    def fingerprint(self) -> str:
        own = f"{self._path or self._edges()}\n{self.name}\n{self._seen}"
        return f"{own}\n{self._field}" if self._field else own

    def read(self, offset: int, size: int) -> bytes:
        with self._lock:
            self._file.seek(offset)
            return _read_fully(self._file, size)

    def check_unchanged(self) -> None:
        if self._look() != self._seen:
            raise FileChanged(f"{self.name} changed while it was being uploaded.")

    def _look(self) -> tuple[int, int]:
        """Its size, and when it was written, if anybody knows."""
        try:
            status = os.fstat(self._file.fileno())
        except OSError:
            with self._lock:
                return self._file.seek(0, os.SEEK_END), 0
        return status.st_size, status.st_mtime_ns

    def _edges(self) -> str:
        """Of what has no place: the beginning and the end tell it from most others, and its chunks from all."""
        size = self._seen[0]
        edges = self.read(0, EDGE_BYTES) + self.read(max(size - EDGE_BYTES, 0), EDGE_BYTES)
        return hashlib.sha256(edges).hexdigest()


class StreamSource:
    """A pipe: its size is known at its end, and what passed is gone."""

    rewindable = False

    def __init__(self, file: IO[bytes], name: str) -> None:
        self.name = name
        self.size: int | None = None
        self.fingerprint = secrets.token_hex(16)
        self._file = file

    def read(self, offset: int, size: int) -> bytes:
        return _read_fully(self._file, size)

    def check_unchanged(self) -> None:
        pass


def _read_fully(file: IO[bytes], size: int) -> bytes:
    """Fewer bytes only at the end: the server takes a short chunk for the last one."""
    data = _read_some(file, size)
    if not data or len(data) == size:
        return data
    parts = bytearray(data)
    while len(parts) < size and (block := _read_some(file, size - len(parts))):
        parts += block
    return bytes(parts)


def _read_some(file: IO[bytes], size: int) -> bytes:
    data: bytes | None = file.read(size)
    if data is None:
        raise BlockingIOError("Open the pipe in blocking mode; where it ends cannot be told otherwise.")
    return data


@contextmanager
def open_source(path_or_file: PathOrFile, name: str | None = None, field: str = "") -> Iterator[Source]:
    """A source for a path or an open binary file, whichever kind it is.

    Args:
        field: what it is for, if it is for something.

    Raises:
        OSError: the file cannot be opened.
        TypeError: the file was opened in text mode.
    """
    if isinstance(path_or_file, (str, os.PathLike)):
        with Path(path_or_file).open("rb", buffering=0) as file:
            yield _source_of(file, name or Path(path_or_file).name, os.path.realpath(path_or_file), field)
        return
    path = _path_of(path_or_file)
    yield _source_of(path_or_file, name or (Path(path).name if path else "upload.bin"), path, field)


def _source_of(file: Any, name: str, path: str | None, field: str) -> Source:
    if isinstance(file.read(0), str):
        raise TypeError("Open the file in binary mode.")
    if not file.seekable():
        return StreamSource(file, name)
    source = FileSource(file, name, path, field)
    if source.size == 0 and source.read(0, 1):
        # A device, or a file below /proc: nobody says how large it is.
        file.seek(0)
        return StreamSource(file, name)
    return source


def _path_of(file: Any) -> str | None:
    name = getattr(file, "name", None)
    return os.path.realpath(name) if isinstance(name, str) and Path(name).is_file() else None
