"""The file of a completed upload, before a row has claimed it: what a form's ``cleaned_data`` holds."""

from __future__ import annotations

from typing import Any

from django.core.files import File

from ..models import UploadSession
from ..services.purposes import Purpose
from ..services.references import resolve


class UploadedReference(File):  # type: ignore[type-arg]
    """An ordinary Django file that is in its storage already, verified. Assign it to the field that it is for.

    Its bytes are opened when they are first asked for.
    """

    def __init__(self, session: UploadSession, reference: str = "") -> None:
        self._opened: File[Any] | None = None
        super().__init__(None, session.file.name)
        self.session = session
        self.reference = reference
        """The text that the form posted."""
        self.size = session.total_size or 0
        self.content_type = session.mime_type
        self.sha256 = session.sha256
        """In hex."""
        self.upload_id = str(session.upload_id)
        self.filename = session.filename
        """The client's name for it: a label."""

    @classmethod
    def from_reference(cls, reference: str, purpose: Purpose, user: Any) -> UploadedReference:
        """
        Raises:
            ReferenceRefused: as :func:`~..services.references.resolve`.
        """
        return cls(resolve(reference, purpose, user), reference)

    @property
    def file(self) -> Any:
        if self._opened is None:
            self._opened = self.session.file.storage.open(self.session.file.name or "")
        return self._opened

    @file.setter
    def file(self, value: Any) -> None:
        self._opened = value

    @property
    def closed(self) -> bool:
        return self._opened is None or self._opened.closed

    def open(self, mode: str | None = None, *args: Any, **kwargs: Any) -> UploadedReference:
        if self.closed:
            self._opened = None
        self.file.seek(0)
        return self

    def close(self) -> None:
        if self._opened is not None:
            self._opened.close()

    def __bool__(self) -> bool:
        return True
