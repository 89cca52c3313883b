"""Bodies of the IETF draft's requests, and the verdict that the last one asks for."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from ..errors import BadRequest, Conflict, MissingChunks, TooLarge
from ..http.protocol import Answer, Pending
from ..models import UploadSession
from ..services.checked_appending import ExpectedChecksum
from ..services.resumable_upload_service import ResumableUploadService
from .ietf_problems import Closed, InconsistentLength, PastTheEnd
from .sequential_body import SequentialBody
from .verdict import Verdict


@dataclass(slots=True)
class Upload:
    """An upload resource, and what a request says of it."""

    service: ResumableUploadService
    session: UploadSession
    ends: bool

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
        progress: Callable[[int], Answer | None] | None,
        begins: bool,
    ) -> None:
        super().__init__(
            upload.service,
            upload.session,
            offset,
            checksum,
            protocol=protocol,
            answer=answer,
            progress=progress,
            begins=begins,
            is_told=opening is not None,
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


class DraftVerdict(Verdict):
    def poll(self) -> Answer | None:
        try:
            return super().poll()
        except MissingChunks:
            self._service.close_appending(self._session)
            raise Closed from None
