"""The face of the library: :class:`Uploader`."""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from threading import Event
from typing import Any
from urllib.parse import urljoin

from .api import Session, Token, UploadApi
from .bandwidth import Bandwidth
from .downloading import download_file
from .errors import ProxyLimit, UploadError
from .line import Line
from .pieces import append_in_pieces
from .progress import OnProgress, ProgressMeter
from .retrying import RETRY_DELAYS, Retrying
from .sessions import Sessions
from .slots import Slots
from .sources import PathOrFile, Source, open_source
from .state import DEFAULT_STATE_DIRECTORY, StateDirectory
from .transfer import Connection, Transfer
from .transport import warn_where_tokens_can_be_read
from .whole_file import goes_in_one_request, send_whole

SESSION_LOST = frozenset({"session_expired"})
OTHER_BYTES = frozenset(
    {
        "chunk_beyond_end",
        "chunk_conflict",
        "composite_mismatch",
        "hash_conflict",
        "hash_mismatch",
        "other_version",
        "size_conflict",
    }
)
MOST_REPLACEMENTS = 2


@dataclass(frozen=True)
class UploadResult:
    """A published file, whose stored bytes are those here. ``size`` is in bytes; ``sha256``, in hex, is None where the
    server leaves it out; ``composite_hash`` is the SHA-256 of all chunks' SHA-256, and their number; ``reference`` is
    what to give the model field that it is for."""

    upload_id: str
    name: str
    size: int
    mime_type: str
    sha256: str | None
    composite_hash: str
    url: str
    metadata: Mapping[str, Any]
    reference: str | None = None


class Uploader:
    """Uploads to one server as one user. Safe to use from many threads; close it, or use it as a context manager.

    Args:
        api_url: where the API's URLs are included, as ``https://example.com/api/v1/upload``.
        token: a Bearer token, or a callable that gets one; called again when the server answers 401.
        retry_delays: seconds before each further attempt of a request; by default about ten minutes in all.
        stall_timeout: seconds without progress after which a request is given up and tried again.
        state_directory: where unfinished uploads are remembered; by default the user's state directory. None remembers
            nothing; the server finds an earlier attempt all the same, as long as it is open.
        bandwidth_limit: bytes per second that the bytes of files leave with at most.
        wait_for_server: False: a server that cannot be reached and has not answered once, as at a wrong address, is not
            tried again.
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
        bandwidth_limit: float | None = None,
        wait_for_server: bool = True,
        ca_certs: str | None = None,
        proxy: str | None = None,
    ) -> None:
        if token:
            warn_where_tokens_can_be_read(api_url, proxy)
        bandwidth = Bandwidth(bandwidth_limit) if bandwidth_limit else None
        state = StateDirectory(state_directory) if state_directory else None
        self._api = UploadApi(
            api_url,
            token,
            stall_timeout=stall_timeout,
            ca_certs=ca_certs,
            proxy=proxy,
            bandwidth=bandwidth,
            wait_for_server=wait_for_server,
        )
        self._line = Line(api_url, state)
        self._connection = Connection(self._api, self._line, Slots())
        self._sessions = Sessions(self._api, state)
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
        sha256: bool = False,
        purpose: str | None = None,
        stop: Event | None = None,
    ) -> UploadResult:
        """Upload a file, or resume it where an earlier attempt stopped.

        Args:
            path_or_file: a path or an open binary file, which is uploaded from its beginning; one that cannot be
                rewound is read once, as it comes.
            on_progress: called from any thread, ten times a second at most.
            metadata: a small JSON object that is kept with the upload.
            parallel: chunks in flight at once, at most; fewer on slow lines.
            name: what the file is called there; by default as here.
            mime_type: by default what the server takes the name's suffix for.
            chunk_size: bytes; a wish, the server's answer counts. By default what the line carries in a second, once
                that is known.
            sha256: declare the SHA-256 of the whole file too, which hashes it a second time.
            purpose: the token of the model field that it is for, as a form or ``OPTIONS`` gives it; ``reference`` of
                the result is then what to give the field.
            stop: set it, from any thread, to stop; the server keeps what it has.

        Raises:
            UploadError: see :mod:`resumable_uploads_client.errors`.
            OSError: the file cannot be read.
        """
        fields: dict[str, Any] = {"metadata": metadata, "mime_type": mime_type}
        # The label alone: the rest is signed anew each time.
        with open_source(path_or_file, name, (purpose or "").partition(":")[0]) as source:
            work = self._work(source, on_progress, stop, parallel=parallel, with_sha256=sha256)
            if purpose:
                fields["purpose"] = purpose
            elif goes_in_one_request(source, metadata=metadata, chunk_size=chunk_size):
                fields["send_whole"] = partial(
                    send_whole, self._connection, source, secrets.token_hex(16), work.meter, work.stop, **fields
                )
            wish = chunk_size or self._line.chunk_size_for(source.size)
            return self._upload(work, source, {**fields, "chunk_size": wish, "request_limit": self._line.request_limit})

    def resume(
        self,
        upload_id: str,
        path_or_file: PathOrFile,
        *,
        on_progress: OnProgress | None = None,
        parallel: int = 4,
        sha256: bool = False,
        stop: Event | None = None,
    ) -> UploadResult:
        """Resume an upload that may have been begun elsewhere. Arguments and errors as of :meth:`upload`."""
        with open_source(path_or_file) as source:
            work = self._work(source, on_progress, stop, parallel=parallel, with_sha256=sha256)
            session = work.retrying.run(lambda: self._sessions.resume(upload_id, source))
            return self._finish(work, source, session)

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

    def _work(
        self, source: Source, on_progress: OnProgress | None, stop: Event | None, *, parallel: int, with_sha256: bool
    ) -> _Work:
        stop = stop or Event()
        meter = ProgressMeter(source.size, on_progress)
        return _Work(stop, meter, self._retrying(stop, meter), parallel, with_sha256)

    def _retrying(self, stop: Event | None = None, meter: ProgressMeter | None = None) -> Retrying:
        def on_wait(error: UploadError, seconds: float) -> None:
            if meter is not None:
                meter.wait(f"{error.detail} Trying again" + (f" in {seconds:.0f} s." if seconds >= 1 else "."))

        return Retrying(self._retry_delays, stop or Event(), on_wait)

    def _upload(self, work: _Work, source: Source, fields: dict[str, Any]) -> UploadResult:
        """A session that was lost, or has the bytes of another version of the file, is replaced."""
        own_key, replaced = "", 0
        while True:
            try:
                session = work.retrying.run(lambda: self._sessions.open(source, own_key=own_key, **fields))  # noqa: B023
                return self._finish(work, source, session)
            except ProxyLimit:
                if not source.rewindable:
                    raise
                if fields.pop("send_whole", None):
                    self._line.note_limit(source.size or 0)
                fields["chunk_size"] = fields["request_limit"] = self._line.request_limit
            except UploadError as error:
                replaced += 1
                replaceable = source.rewindable and error.code in SESSION_LOST | OTHER_BYTES
                if not replaceable or replaced > MOST_REPLACEMENTS:
                    raise
                own_key = secrets.token_hex(16) if error.code in OTHER_BYTES else own_key
                self._sessions.forget(source)

    def _finish(self, work: _Work, source: Source, session: Session) -> UploadResult:
        try:
            completed = self._transfer(work, source, session).run()
        except ProxyLimit as error:
            completed = self._finish_in_pieces(work, source, session, error)
        finally:
            self._line.remember()
        self._sessions.forget(source)
        return self._result(completed)

    def _finish_in_pieces(self, work: _Work, source: Source, session: Session, limit: ProxyLimit) -> Session:
        """Go on in smaller requests. An upload that has nothing yet is given up, for one with smaller chunks.

        Raises:
            ProxyLimit: it was given up, or the source cannot be read again.
        """
        upload_id = session["upload_id"]
        self._line.note_limit(session["chunk_size"])
        has_some = self.status(upload_id)["progress"]["received_chunks"]
        if not (has_some and source.rewindable):
            self.cancel(upload_id)
            self._sessions.forget(source)
            raise limit
        append_in_pieces(self._connection, session, source, work.retrying, work.stop, work.meter)
        return self._transfer(work, source, self.status(upload_id)).run()

    def _transfer(self, work: _Work, source: Source, session: Session) -> Transfer:
        return Transfer(
            self._connection, session, source, parallel=work.parallel, with_sha256=work.with_sha256,
            retrying=work.retrying, stop=work.stop, meter=work.meter,
        )  # fmt: skip

    def _result(self, session: Session) -> UploadResult:
        file = session["file"]
        return UploadResult(
            upload_id=session["upload_id"],
            name=file["name"],
            size=file["size"],
            mime_type=file["mime_type"],
            sha256=file["sha256"],
            composite_hash=file["composite_hash"],
            url=urljoin(self._api.url, file["url"]),
            metadata=session["metadata"],
            reference=file.get("reference"),
        )


@dataclass(frozen=True)
class _Work:
    """What the parts of one upload share."""

    stop: Event
    meter: ProgressMeter
    retrying: Retrying
    parallel: int
    with_sha256: bool
