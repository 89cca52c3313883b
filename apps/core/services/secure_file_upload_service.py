"""What may be uploaded: names, types and signatures. The one source of truth for every protocol."""

from __future__ import annotations

from typing import Any, BinaryIO

from django.core.files import File
from django.utils.module_loading import import_string

from ..conf import upload_settings
from ..errors import BadRequest, ContentRefused
from ..models import UploadSession
from .accepted_types import AllowedTypes
from .names import clean_filename, suffix_of
from .signatures import HEAD_SIZE, contradicts, is_executable


class SecureFileUploadService:
    """Checks at the beginning (name and declared type), on the first bytes, and on the stored file."""

    @staticmethod
    def admit(filename: str, mime_type: str | None, allowed: AllowedTypes | None = None) -> tuple[str, str]:
        """The cleaned name and the type of a new upload. Without a declared type, the suffix's own type is taken.

        Args:
            allowed: the allow-list, if it is not the site's.

        Raises:
            BadRequest: the name is unusable, its suffix is not on the allow-list, or the declared type is not one of
                the suffix's.
        """
        name = clean_filename(filename)
        suffix = suffix_of(name)
        if allowed is None:
            allowed = upload_settings().allowed_types
        if suffix not in allowed:
            raise BadRequest(
                f"Files ending in {suffix!r} are not accepted." if suffix else "The file name has no suffix.",
                code="extension_not_allowed",
                allowed=sorted(allowed),
            )
        if not mime_type:
            return name, allowed[suffix][0]
        declared = mime_type.partition(";")[0].strip().lower()
        if declared not in allowed[suffix]:
            raise BadRequest(
                f"A file ending in {suffix!r} is not of the declared type.",
                code="type_not_allowed",
                allowed=list(allowed[suffix]),
            )
        return name, declared

    @staticmethod
    def check_head(session: UploadSession, head: bytes) -> None:
        """Refuse content whose first bytes show that it cannot pass.

        Args:
            head: the first ``HEAD_SIZE`` bytes, or all there are.

        Raises:
            ContentRefused: the bytes are executable, or contradict the declared type.
        """
        if not head or session.concat == UploadSession.Concat.PARTIAL:
            return  # An empty file contradicts nothing, and the first bytes of a part are not those of the file.
        if is_executable(session.mime_type, head) and not upload_settings().allow_executables:
            raise ContentRefused("The file is an executable.", code="executable_refused")
        if contradicts(session.mime_type, head):
            raise ContentRefused(f"The content is not {session.mime_type}.", code="type_mismatch")

    @classmethod
    def check_stored(cls, session: UploadSession, stored: BinaryIO) -> None:
        """The verdict on the stored bytes: signature, then every configured validator.

        Raises:
            ContentRefused: the signature or a validator refuses the file.
        """
        stored.seek(0)
        head = stored.read(HEAD_SIZE)
        cls.check_head(session, head)
        for path in upload_settings().validators:
            stored.seek(0)
            validator: Any = import_string(path)
            validator(File(stored, name=session.filename), session)


__all__ = ["HEAD_SIZE", "SecureFileUploadService"]
