"""Bodies of the IETF draft's requests, and the verdict that the last one asks for."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from ..errors import BadRequest, Conflict, MissingChunks, TooLarge
from ..http.protocol import Answer, Body, Pending
from ..models import UploadSession
from ..services.resumable_upload_service import ResumableUploadService
from .checksums import ExpectedChecksum
from .ietf_problems import Closed, InconsistentLength, PastTheEnd
from .sequential_body import SequentialBody
from .verdict import Verdict


@dataclass(slots=True)
class Upload:
    """An upload resource, and what a request says of it."""

    service: ResumableUploadService
    session: UploadSession
    ends: bool
    wants_digest: bool = False

    def declare(self, size: int) -> None:
        """Fix the length; the same again is fine.

        Raises:
            InconsistentLength: another was known.
        """
        try:
            self.service.declare_size(self.session, size)
        except (Conflict, BadRequest) as error:
            if error.code in ("size_conflict", "bad_size"):
                raise InconsistentLength from None
            raise


class DraftBody(SequentialBody):
    """Ends an upload that becomes longer than it may."""

    def __init__(
        self,
        upload: Upload,
        offset: int,
        *,
        checksum: ExpectedChecksum | None,
        protocol: str,
        answer: Callable[[int], Answer | Pending],
        opening: Answer | None,
        progress: Callable[[int], Answer | None],
    ) -> None:
        super().__init__(
            upload.service,
            upload.session,
            offset,
            checksum,
            protocol=protocol,
            answer=answer,
            progress=progress,
        )
        self._upload = upload
        self.interim = opening

    def receive(self, block: bytes) -> Answer | None:
        try:
            return super().receive(block)
        except TooLarge:
            if self._upload.session.total_size is None:
                raise
            self._upload.service.cancel(self._upload.session)
            raise PastTheEnd from None


class Replay(Body):
    """The body of a request that was answered before: it is read and forgotten."""

    def __init__(self, answer: Callable[[], Answer | Pending]) -> None:
        self._answer = answer

    def receive(self, block: bytes) -> None:
        """It is there already."""

    def finish(self) -> Answer | Pending:
        return self._answer()

    def abort(self) -> None:
        """Nothing was kept of it."""


class DraftVerdict(Verdict):
    def poll(self) -> Answer | None:
        try:
            return super().poll()
        except MissingChunks:
            self._service.close_appending(self._session)
            raise Closed from None
