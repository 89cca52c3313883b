"""The face of the library: :class:`Uploader`."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from threading import Event
from typing import Any
from urllib.parse import urljoin

from .api import Session, Token, UploadApi
from .downloading import download_file
from .errors import UploadError
from .progress import OnProgress, ProgressMeter
from .retrying import RETRY_DELAYS, Retrying
from .sessions import Sessions
from .sources import PathOrFile, Source, open_source
from .state import DEFAULT_STATE_DIRECTORY, StateDirectory
from .transfer import Transfer
from .transport import warn_where_tokens_can_be_read

SESSION_LOST = frozenset({"session_expired"})
OTHER_BYTES = frozenset({"chunk_beyond_end", "chunk_conflict", "hash_conflict", "hash_mismatch", "size_conflict"})
MOST_REPLACEMENTS = 2


@dataclass(frozen=True)
class UploadResult:
    """A published file. ``sha256`` is that of the stored bytes and of those here, in hex; ``size`` is in bytes."""

    upload_id: str
    name: str
    size: int
    mime_type: str
    sha256: str
    url: str
    metadata: Mapping[str, Any]


class Uploader:
    """Uploads to one server as one user. Safe to use from many threads; close it, or use it as a context manager.

    Args:
        api_url: where the API's URLs are included, as ``https://example.com/api/v1/upload``.
        token: a Bearer token, or a callable that gets one; called again when the server answers 401.
        retry_delays: seconds before each further attempt of a request; by default about ten minutes in all.
        stall_timeout: seconds without progress after which a request is given up and tried again.
        state_directory: where unfinished uploads are remembered; by default the user's state directory. None remembers
            nothing; the server finds an earlier attempt all the same, as long as it is open.
        ca_certs: a file of certificates to trust instead of the system's.
        proxy: the address of an HTTP proxy.

    Warns:
        InsecureTransport: a token would go to another machine over plain HTTP.
    """

    def __init__(
        self,
        api_url: str,
        token: Token = "",
        *,
        retry_delays: Sequence[float] = RETRY_DELAYS,
        stall_timeout: float = 30.0,
        state_directory: Path | None = DEFAULT_STATE_DIRECTORY,
        ca_certs: str | None = None,
        proxy: str | None = None,
    ) -> None:
        if token:
            warn_where_tokens_can_be_read(api_url, proxy)
        self._api = UploadApi(api_url, token, stall_timeout=stall_timeout, ca_certs=ca_certs, proxy=proxy)
        self._sessions = Sessions(self._api, StateDirectory(state_directory) if state_directory else None)
        self._retry_delays = retry_delays

    def __enter__(self) -> Uploader:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    def close(self) -> None:
        self._api.close()

    def upload(
        self,
        path_or_file: PathOrFile,
        *,
        on_progress: OnProgress | None = None,
        metadata: Mapping[str, Any] | None = None,
        parallel: int = 4,
        name: str | None = None,
        mime_type: str | None = None,
        chunk_size: int | None = None,
        stop: Event | None = None,
    ) -> UploadResult:
        """Upload a file, or resume it where an earlier attempt stopped.

        Args:
            path_or_file: a path or an open binary file, which is uploaded from its beginning; one that cannot be
                rewound is read once, as it comes.
            on_progress: called from any thread, ten times a second at most.
            metadata: a small JSON object that is kept with the upload.
            parallel: chunks in flight at once.
            name: what the file is called there; by default as here.
            mime_type: by default what the server takes the name's suffix for.
            chunk_size: bytes; a wish, the server's answer counts.
            stop: set it, from any thread, to stop; the server keeps what it has.

        Raises:
            UploadError: see :mod:`resumable_uploads_client.errors`.
            OSError: the file cannot be read.
        """
        fields = {"metadata": metadata, "mime_type": mime_type, "chunk_size": chunk_size}
        with open_source(path_or_file, name) as source:
            work = self._work(source, on_progress, stop)
            return self._upload(
                work, source, parallel, lambda by_hash: self._sessions.open(source, by_hash=by_hash, **fields)
            )

    def resume(
        self,
        upload_id: str,
        path_or_file: PathOrFile,
        *,
        on_progress: OnProgress | None = None,
        parallel: int = 4,
        stop: Event | None = None,
    ) -> UploadResult:
        """Resume an upload that may have been begun elsewhere. Arguments and errors as of :meth:`upload`."""
        with open_source(path_or_file) as source:
            work = self._work(source, on_progress, stop)
            session = work.retrying.run(lambda: self._sessions.resume(upload_id, source))
            return self._finish(source, self._transfer(work, source, session, parallel))

    def status(self, upload_id: str) -> Session:
        """The session as the API reference has it."""
        return self._retrying().run(lambda: self._api.status(upload_id))

    def cancel(self, upload_id: str) -> Session:
        """Have the server forget an unfinished upload."""
        return self._retrying().run(lambda: self._api.cancel(upload_id))

    def delete(self, upload_id: str) -> None:
        """Remove an upload in any state, record and file. One that is gone already is no error.

        Raises:
            UploadError: also :class:`NotFound` when this is no upload id.
        """
        self._retrying().run(lambda: self._api.delete(upload_id))

    def list(self, **filters: str) -> Iterator[Session]:
        """My sessions, the newest first; filters are ``status`` and ``file_hash``."""
        return self._api.list(**filters)

    def download(
        self,
        upload_id: str,
        path: str | os.PathLike[str],
        *,
        overwrite: bool = False,
        on_progress: OnProgress | None = None,
        stop: Event | None = None,
    ) -> Path:
        """Download a completed file, or resume such a download, and verify its SHA-256. Returns where it is.

        The file can be read by its owner alone.

        Args:
            path: of the file, or of a directory to put it into under its name, made safe.
            overwrite: replace what is there; a link itself, not what it leads to.

        Raises:
            UploadError: also with code ``hash_mismatch`` when the bytes are not the published ones, and ``too_much``
                when there are more of them.
            OSError: it cannot be written; :class:`FileExistsError` when something is there.
        """
        stop = stop or Event()
        meter = ProgressMeter(None, on_progress)
        retrying = self._retrying(stop, meter)
        return download_file(self._api, upload_id, Path(path), retrying, stop, meter, overwrite=overwrite)

    def _work(self, source: Source, on_progress: OnProgress | None, stop: Event | None) -> _Work:
        stop = stop or Event()
        meter = ProgressMeter(source.size, on_progress)
        return _Work(stop, meter, self._retrying(stop, meter))

    def _retrying(self, stop: Event | None = None, meter: ProgressMeter | None = None) -> Retrying:
        def on_wait(error: UploadError, seconds: float) -> None:
            if meter is not None:
                meter.wait(f"{error.detail} Trying again in {seconds:.0f} s.")

        return Retrying(self._retry_delays, stop or Event(), on_wait)

    def _upload(
        self, work: _Work, source: Source, parallel: int, open_session: Callable[[bool], Session]
    ) -> UploadResult:
        """A session that was lost, or has the bytes of another version of the file, is replaced."""
        by_hash = False
        for _ in range(MOST_REPLACEMENTS):
            session = work.retrying.run(partial(open_session, by_hash))
            try:
                return self._finish(source, self._transfer(work, source, session, parallel))
            except UploadError as error:
                if not source.rewindable or error.code not in SESSION_LOST | OTHER_BYTES:
                    raise
                by_hash = by_hash or error.code in OTHER_BYTES
                self._sessions.forget(source)
        session = work.retrying.run(partial(open_session, by_hash))
        return self._finish(source, self._transfer(work, source, session, parallel))

    def _finish(self, source: Source, transfer: Transfer) -> UploadResult:
        completed = transfer.run()
        self._sessions.forget(source)
        return self._result(completed)

    def _transfer(self, work: _Work, source: Source, session: Session, parallel: int) -> Transfer:
        return Transfer(
            self._api, session, source, parallel=parallel, retrying=work.retrying, stop=work.stop, meter=work.meter
        )

    def _result(self, session: Session) -> UploadResult:
        file = session["file"]
        return UploadResult(
            upload_id=session["upload_id"],
            name=file["name"],
            size=file["size"],
            mime_type=file["mime_type"],
            sha256=file["sha256"],
            url=urljoin(self._api.url, file["url"]),
            metadata=session["metadata"],
        )


@dataclass(frozen=True)
class _Work:
    """What the parts of one upload share."""

    stop: Event
    meter: ProgressMeter
    retrying: Retrying
