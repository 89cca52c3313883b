"""``put``: what is not stored yet is uploaded, several files at a time."""

from __future__ import annotations

from collections.abc import Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, field
from threading import Event
from typing import Any

from ..errors import Interrupted, UploadError
from ..uploader import Uploader, UploadResult
from .choosing import Candidate
from .output import Output
from .stored import StoredUploads

SMALL = 2**20
"""Files up to so many bytes have threads of their own, so that they wait for no large one."""
POLL_SECONDS = 0.2


@dataclass(frozen=True)
class Putting:
    """Uploads candidates.

    Attributes:
        stored: what need not be sent.
        transfers: files at a time, and as many small ones.
        options: of :meth:`Uploader.upload`.
    """

    uploader: Uploader
    output: Output
    stored: StoredUploads
    transfers: int
    options: dict[str, Any]
    metadata: dict[str, str]
    dry_run: bool
    _stop: Event = field(default_factory=Event)

    def run(self, candidates: Iterable[Candidate]) -> list[Exception]:
        """Upload all. What failed, in the order of the candidates."""
        with ExitStack() as stack:
            small, large = (stack.enter_context(ThreadPoolExecutor(self.transfers)) for _ in range(2))
            work = [
                (small if candidate.size is not None and candidate.size <= SMALL else large).submit(
                    self._put, candidate
                )
                for candidate in candidates
            ]
            try:
                return [error for each in work if (error := self._outcome(each)) is not None]
            except BaseException:
                self._stop.set()
                for each in work:
                    each.cancel()
                raise

    @staticmethod
    def _outcome(work: Future[Exception | None]) -> Exception | None:
        while True:
            try:
                # With a timeout, so that Ctrl-C is heard.
                return work.result(POLL_SECONDS)
            except TimeoutError:
                if work.done():
                    raise

    def _put(self, candidate: Candidate) -> Exception | None:
        try:
            if (upload_id := self.stored.find(candidate)) is not None:
                self.output.skipped(candidate.label, upload_id)
            elif self.dry_run:
                self.output.would_upload(candidate.label, candidate.size)
            else:
                self._upload(candidate)
        except Interrupted:
            return None  # Whoever interrupted knows.
        except (UploadError, OSError) as error:
            self.output.error(candidate.label, error)
            return error
        return None

    def _upload(self, candidate: Candidate) -> None:
        with self.output.progress(candidate.label) as on_progress:
            result = self.uploader.upload(
                candidate.source,
                on_progress=on_progress,
                metadata={**candidate.metadata, **self.metadata} or None,
                stop=self._stop,
                **self.options,
            )
        tell_completed(self.output, candidate.label, result)


def tell_completed(output: Output, label: str, result: UploadResult) -> None:
    output.result(
        f"{label}: {result.upload_id} {result.sha256 or result.composite_hash}",
        event="completed",
        file=label,
        upload_id=result.upload_id,
        size=result.size,
        sha256=result.sha256,
        composite_hash=result.composite_hash,
        url=result.url,
    )
