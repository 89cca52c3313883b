"""Downloads that resume where they stopped, and are what was published or nothing."""

from __future__ import annotations

import hashlib
import os
from io import FileIO
from pathlib import Path
from threading import Event

from urllib3.exceptions import HTTPError

from .api import Session, UploadApi
from .errors import ConnectionFailed, Interrupted, NotFound, UploadError
from .progress import ProgressMeter
from .retrying import Retrying

BLOCK_BYTES = 2**20


def download_file(
    api: UploadApi, upload_id: str, path: Path, retrying: Retrying, stop: Event, meter: ProgressMeter
) -> Path:
    """Download a completed upload to a path, or into a directory. See :meth:`Uploader.download`."""
    session = retrying.run(lambda: api.status(upload_id))
    if session["file"] is None:
        raise NotFound(f"This upload is {session['status']}; there is no file yet.", code="not_completed")
    if path.is_dir():
        path = path / Path(session["file"]["name"]).name
    part = path.with_name(f".{path.name}.{upload_id}.part")
    with FileIO(os.open(part, os.O_RDWR | os.O_CREAT, 0o666), "r+") as file:
        digest = _digest_of(file, session["file"]["size"])
        meter.begin_at(file.tell())
        retrying.run(lambda: _fetch_rest(api, session, file, digest, stop, meter))
        if digest.hexdigest() != session["file"]["sha256"]:
            part.unlink()
            raise UploadError("What arrived is not what was published. Download it again.", code="hash_mismatch")
        os.fsync(file.fileno())
    part.replace(path)
    return path


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
        for block in answer.stream(BLOCK_BYTES):
            if stop.is_set():
                raise Interrupted("The download was stopped.")
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
