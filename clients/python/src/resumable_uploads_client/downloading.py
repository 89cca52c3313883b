"""Downloads that resume where they stopped, and are what was published or nothing."""

from __future__ import annotations

import errno
import hashlib
import os
import stat
from io import FileIO
from pathlib import Path
from threading import Event

from urllib3.exceptions import HTTPError

from .api import Session, UploadApi, check_upload_id
from .digests import composite_of
from .errors import ConnectionFailed, Interrupted, NotFound, UploadError
from .names import part_name, safe_name
from .progress import ProgressMeter
from .retrying import Retrying

BLOCK_BYTES = 2**20
PRIVATE = 0o600
# Not every system has both: links to elsewhere, and files whose line ends are changed.
_OPEN_FLAGS = getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_BINARY", 0)


def download_file(
    api: UploadApi,
    upload_id: str,
    path: Path,
    retrying: Retrying,
    stop: Event,
    meter: ProgressMeter,
    *,
    overwrite: bool,
) -> Path:
    """Download a completed upload to a path, or into a directory. See :meth:`Uploader.download`."""
    check_upload_id(upload_id)
    session = retrying.run(lambda: api.status(upload_id))
    if session["file"] is None:
        raise NotFound(f"This upload is {session['status']}; there is no file yet.", code="not_completed")
    if path.is_dir():
        path = path / safe_name(session["file"]["name"])
    if not overwrite and os.path.lexists(path):
        raise _exists(path)
    part = path.with_name(part_name(path.name, upload_id))
    with _open_private(part) as file:
        digest = _digest_of(file, session)
        meter.begin_at(file.tell())
        retrying.run(lambda: _fetch_rest(api, session, file, digest, stop, meter))
        os.fsync(file.fileno())
        is_published = digest.text() == _published(session)
    # Closed first: Windows neither removes nor renames what is open.
    if not is_published:
        part.unlink()
        raise UploadError("What arrived is not what was published. Download it again.", code="hash_mismatch")
    if not overwrite:
        _claim(path)
    part.replace(path)
    return path


def _open_private(part: Path) -> FileIO:
    """The file of an earlier attempt, or a new one, that nobody else can read; never what somebody else put there."""
    file = FileIO(os.open(part, os.O_RDWR | os.O_CREAT | _OPEN_FLAGS, PRIVATE), "r+")
    found = os.fstat(file.fileno())
    if not stat.S_ISREG(found.st_mode) or not _is_mine(found) or found.st_nlink > 1:
        file.close()
        raise PermissionError(errno.EPERM, "This is not what an earlier download left; remove it", str(part))
    if hasattr(os, "fchmod"):
        # Whoever has a stricter umask keeps it.
        os.fchmod(file.fileno(), found.st_mode & PRIVATE)
    return file


def _is_mine(found: os.stat_result) -> bool:
    return not hasattr(os, "geteuid") or found.st_uid == os.geteuid()


def _claim(path: Path) -> None:
    """Take a place that was free until now: what came there during the download stays."""
    try:
        os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, PRIVATE))
    except FileExistsError:
        raise _exists(path) from None


def _exists(path: Path) -> FileExistsError:
    return FileExistsError(errno.EEXIST, "This exists, and nothing was said of overwriting it", str(path))


def _published(session: Session) -> str:
    """What the server says of the file: its SHA-256, or where that was left out the composite hash."""
    file = session["file"]
    return str(file["sha256"] or file["composite_hash"])


class _Digest:
    """The SHA-256 of what comes, or its composite hash."""

    def __init__(self, session: Session) -> None:
        self._chunk_size: int = 0 if session["file"]["sha256"] else session["chunk_size"]
        self._digests: list[bytes] = []
        self._running = hashlib.sha256()
        self._left = self._chunk_size

    def update(self, block: bytes) -> None:
        if not self._chunk_size:
            self._running.update(block)
            return
        rest = memoryview(block)
        while rest:
            part, rest = rest[: self._left], rest[self._left :]
            self._running.update(part)
            self._left -= len(part)
            if self._left == 0:
                self._end_chunk()

    def _end_chunk(self) -> None:
        self._digests.append(self._running.digest())
        self._running, self._left = hashlib.sha256(), self._chunk_size

    def text(self) -> str:
        """As the server has it, once all has come."""
        if not self._chunk_size:
            return self._running.hexdigest()
        if self._left < self._chunk_size:
            self._end_chunk()
        return composite_of(self._digests)


def _digest_of(file: FileIO, session: Session) -> _Digest:
    """Digest what an earlier attempt left, and stand at its end."""
    digest = _Digest(session)
    while block := file.read(BLOCK_BYTES):
        digest.update(block)
    if file.tell() > session["file"]["size"]:
        file.seek(0)
        file.truncate()
        return _Digest(session)
    return digest


def _fetch_rest(
    api: UploadApi, session: Session, file: FileIO, digest: _Digest, stop: Event, meter: ProgressMeter
) -> None:
    start, size = file.tell(), session["file"]["size"]
    if start == size:
        return
    answer = api.open_file(session["upload_id"], start=start, etag=_published(session))
    try:
        if start and answer.status != 206:
            raise UploadError("The server does not resume downloads.", code="no_ranges")
        # As they come: what is unpacked may be a thousand times as much.
        for block in answer.stream(BLOCK_BYTES, decode_content=False):
            if stop.is_set():
                raise Interrupted("The download was stopped.")
            if file.tell() + len(block) > size:
                raise UploadError("The server sends more than it announced.", code="too_much")
            file.write(block)
            digest.update(block)
            meter.add(len(block))
    except (HTTPError, OSError) as error:
        if isinstance(error, OSError) and error.errno and not isinstance(error, (ConnectionError, TimeoutError)):
            raise
        raise ConnectionFailed(f"The connection broke: {error}") from error
    finally:
        answer.close()
    if file.tell() != size:
        raise ConnectionFailed("The connection ended early.")
