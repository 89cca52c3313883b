"""The verdict on a whole file, for protocols whose last bytes ask for it."""

from __future__ import annotations

from collections.abc import Callable

from ..conf import upload_settings
from ..http.protocol import Answer, Pending
from ..models import UploadSession
from ..services.resumable_upload_service import ResumableUploadService


class Verdict(Pending):
    """Completes a session whose bytes are all there, and answers with what comes of it.

    Args:
        accepted: the answer for a completed session.
        undecided: the answer if that takes too long; may raise an ``UploadError``.
        seconds: how long is too long; the ``complete_wait`` setting by default.
    """

    def __init__(
        self,
        service: ResumableUploadService,
        session: UploadSession,
        *,
        accepted: Callable[[UploadSession], Answer],
        undecided: Callable[[UploadSession], Answer],
        seconds: float | None = None,
    ) -> None:
        self._service = service
        self._session = session
        self._accepted = accepted
        self._undecided = undecided
        self.seconds = upload_settings().complete_wait if seconds is None else seconds

    def poll(self) -> Answer | None:
        """
        Raises:
            ContentRefused: the file is refused, now and for good.
            MissingChunks: stored bytes were damaged and must be sent again.
        """
        session = self._service.complete(self._session, wait=0)
        return None if session.status == UploadSession.Status.ASSEMBLING else self._accepted(session)

    def give_up(self) -> Answer:
        return self._undecided(self._session)

    def now_or_later(self) -> Answer | Pending:
        """The answer, if there is one at once, as for small files; or else this."""
        return self.poll() or self
