"""The body of a request that sends an upload's bytes in order: from the engine's sink to the drivers."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from ..conf import MIB, upload_settings
from ..errors import ChecksumMismatch, ContentRefused, UploadError
from ..http.protocol import Answer, Body, Pending
from ..http.throttles import count_failed_checksum
from ..metrics import count_received
from ..models import UploadSession
from ..services import open_appends
from ..services.appending import AppendSink
from ..services.checked_appending import ExpectedChecksum
from ..services.principal import Principal
from ..services.resumable_upload_service import ResumableUploadService

_MANY_CHUNKS = 64 * MIB
_LARGE_CHUNK = 8 * MIB


def chunk_size_for(total_size: int | None) -> int | None:
    """Bytes of a chunk to wish for, if the bytes come in order: their sender sees no chunks, goes on at any byte, and
    is served faster where fewer are recorded."""
    return _LARGE_CHUNK if total_size is not None and total_size >= _MANY_CHUNKS else None


class SequentialBody(Body):
    """Feeds the session from ``offset`` on, and is listed as open until it has kept what came.

    Args:
        protocol: its name, for metrics.
        answer: is given the offset reached, and says how it went.
        progress: makes the interim answers that tell, from time to time, how much is kept.
        begins: whether these are the first bytes, sent with the creation. If they are refused for good, or before
            anybody was told where the upload is, it is removed: nobody could go on with it.
        is_told: whether an interim answer has told that.

    Raises:
        OffsetMismatch, SessionGone, Conflict, StorageFull: as ``ResumableUploadService.receive_from``.
    """

    takes_lent_blocks = True

    def __init__(
        self,
        service: ResumableUploadService,
        session: UploadSession,
        offset: int,
        checksum: ExpectedChecksum | None,
        *,
        protocol: str,
        answer: Callable[[int], Answer | Pending],
        progress: Callable[[int], Answer | None] | None = None,
        begins: bool = False,
        is_told: bool = False,
    ) -> None:
        self._service = service
        self._begins = begins
        self._is_told = is_told
        self._protocol = protocol
        self._answer = answer
        self._progress = progress
        self._told_at = time.monotonic()
        self._session = session
        self._listed = open_appends.OpenAppend(session.pk)
        open_appends.add(self._listed)
        try:
            self._sink: AppendSink = service.receive_from(session, offset, checksum)
        except BaseException:
            open_appends.remove(self._listed)
            raise
        self._listed.token = self._sink.token
        self.silence_seconds = self._sink.silence_seconds

    def on_superseded(self, end: Callable[[], None]) -> None:
        self._listed.end = end

    def receive(self, block: bytes) -> Answer | None:
        with self._removed_if_refused():
            self._sink.receive(block)
        now = time.monotonic()
        seconds = upload_settings().interim_seconds
        if not seconds or now - self._told_at < seconds:
            return None
        self._told_at = now
        # What is told is kept, whatever becomes of this request.
        return self._progress(self._sink.keep()) if self._progress else None

    def on_silence(self) -> None:
        self._sink.rest()

    def finish(self) -> Answer | Pending:
        with self._removed_if_refused():
            try:
                offset = self._end(self._sink.finish)
            except ChecksumMismatch:
                count_failed_checksum(Principal.owning(self._session))
                raise
        return self._answer(offset)

    @contextmanager
    def _removed_if_refused(self) -> Iterator[None]:
        try:
            yield
        except UploadError as error:
            if self._begins and (not self._is_told or isinstance(error, ContentRefused)):
                self._service.remove(self._session.upload_id)
            raise

    def abort(self) -> None:
        self._end(self._sink.abort)

    def _end(self, end: Callable[[], int]) -> int:
        begun_at = self._sink.begun_at
        try:
            offset = end()
        finally:
            open_appends.remove(self._listed)
        count_received(self._protocol, max(offset - begun_at, 0))
        return offset
