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
from .errors import ConnectionFailed, Interrupted, NotFound, UploadError
from .names import part_name, safe_name
from .progress import ProgressMeter
from .retrying import Retrying

BLOCK_BYTES = 2**20
PRIVATE = 0o600


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
        digest = _digest_of(file, session["file"]["size"])
        meter.begin_at(file.tell())
        retrying.run(lambda: _fetch_rest(api, session, file, digest, stop, meter))
        if digest.hexdigest() != session["file"]["sha256"]:
            part.unlink()
            raise UploadError("What arrived is not what was published. Download it again.", code="hash_mismatch")
        os.fsync(file.fileno())
    if not overwrite:
        _claim(path)
    part.replace(path)
    return path


def _open_private(part: Path) -> FileIO:
    """The file of an earlier attempt, or a new one, that nobody else can read; never what somebody else put there."""
    descriptor = os.open(part, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, PRIVATE)
    file = FileIO(descriptor, "r+")
    found = os.fstat(descriptor)
    if not stat.S_ISREG(found.st_mode) or found.st_uid != os.geteuid() or found.st_nlink > 1:
        file.close()
        raise PermissionError(errno.EPERM, "This is not what an earlier download left; remove it", str(part))
    # Whoever has a stricter umask keeps it.
    os.fchmod(descriptor, found.st_mode & PRIVATE)
    return file


def _claim(path: Path) -> None:
    """Take a place that was free until now: what came there during the download stays."""
    try:
        os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, PRIVATE))
    except FileExistsError:
        raise _exists(path) from None


def _exists(path: Path) -> FileExistsError:
    return FileExistsError(errno.EEXIST, "This exists, and nothing was said of overwriting it", str(path))


def _digest_of(file: FileIO, size: int) -> hashlib._Hash:
    """Hash what an earlier attempt left, and stand at its end."""
    digest = hashlib.sha256()
    while block := file.read(BLOCK_BYTES):
        digest.update(block)
    if file.tell() > size:
        file.seek(0)
        file.truncate()
        return hashlib.sha256()
    return digest


def _fetch_rest(
    api: UploadApi, session: Session, file: FileIO, digest: hashlib._Hash, stop: Event, meter: ProgressMeter
) -> None:
    start, size = file.tell(), session["file"]["size"]
    if start == size:
        return
    answer = api.open_file(session["upload_id"], start=start, etag=session["file"]["sha256"])
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
