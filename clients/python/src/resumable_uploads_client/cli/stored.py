"""What is stored already, by the path, size and time that ``put`` keeps with each upload."""

from __future__ import annotations

from collections import defaultdict
from threading import Lock

from ..api import Session
from ..reading import composite_of_source
from ..sources import open_source
from ..uploader import Uploader
from .choosing import Candidate


class StoredUploads:
    """My completed uploads, asked for when the first candidate is looked for. Safe to use from many threads.

    Args:
        by_checksum: compare the bytes instead of the time.
    """

    def __init__(self, uploader: Uploader, *, by_checksum: bool) -> None:
        self._uploader = uploader
        self._by_checksum = by_checksum
        self._lock = Lock()
        self._uploads: dict[tuple[str, int], list[Session]] | None = None

    def find(self, candidate: Candidate) -> str | None:
        """The id of the upload that has a file as it is now.

        Raises:
            UploadError: the server does not tell.
            OSError: the file cannot be read.
        """
        if candidate.size is None:
            return None
        found = self._all().get((candidate.place, candidate.size), [])
        same = (each for each in found if self._is_same(candidate, each))
        return next((str(session["upload_id"]) for session in same), None)

    def _all(self) -> dict[tuple[str, int], list[Session]]:
        with self._lock:
            if self._uploads is None:
                uploads = defaultdict(list)
                for session in self._uploader.list(status="completed"):
                    place = session["metadata"].get("relative_path")
                    if isinstance(place, str):
                        uploads[place, session["total_size"]].append(session)
                self._uploads = uploads
            return self._uploads

    def _is_same(self, candidate: Candidate, session: Session) -> bool:
        if not self._by_checksum:
            return bool(session["metadata"].get("mtime") == candidate.modified)
        assert isinstance(candidate.source, str)
        with open_source(candidate.source) as source:
            return bool(composite_of_source(source, session["chunk_size"]) == session["file"]["composite_hash"])
