"""What can go wrong with an upload, in the words of the engine. Protocols translate these into their own answers."""

from __future__ import annotations

from typing import Any

from django.core.exceptions import ImproperlyConfigured


class UploadError(Exception):
    """A request that the engine refuses. ``code`` is stable, ``detail`` is a sentence for people, ``extra`` is data."""

    code = "upload_error"

    def __init__(self, detail: str, **extra: Any) -> None:
        super().__init__(detail)
        self.detail = detail
        self.extra = extra


class StoreMisconfigured(ImproperlyConfigured):
    """The ``STORES`` setting has no store of this name, or one that cannot be made: for the operator to mend."""


class BadRequest(UploadError):
    """The request makes no sense; sending it again will not help."""

    code = "bad_request"

    def __init__(self, detail: str, code: str = "bad_request", **extra: Any) -> None:
        super().__init__(detail, **extra)
        self.code = code


class NotFound(UploadError):
    """No such session for this owner. A stranger's session answers exactly like this."""

    code = "not_found"

    def __init__(self) -> None:
        super().__init__("No such upload.")


class Forbidden(UploadError):
    """Who began the upload may not end it any more."""

    code = "forbidden"


class Conflict(UploadError):
    """The request does not fit the state of the session."""

    code = "conflict"

    def __init__(self, detail: str, code: str = "conflict", **extra: Any) -> None:
        super().__init__(detail, **extra)
        self.code = code


class ChunkConflict(Conflict):
    """Other bytes are already recorded under this index; a recorded chunk never changes."""

    def __init__(self, index: int) -> None:
        super().__init__(f"Chunk {index} is already stored with other bytes.", code="chunk_conflict", chunk_index=index)


class ChunkSuperseded(Conflict):
    """A newer request took this chunk over before this one was done. Sending it again is safe."""

    def __init__(self, index: int) -> None:
        super().__init__(
            f"A newer request took over chunk {index}; ask for the status and send it again if it is missing.",
            code="chunk_superseded",
            chunk_index=index,
        )


class MissingChunks(Conflict):
    """``complete`` was asked for too early, or found damaged chunks that must be sent again."""

    def __init__(self, missing: list[int], detail: str) -> None:
        super().__init__(detail, code="missing_chunks", missing_chunks=missing)


class OffsetMismatch(Conflict):
    """A sequential sender continued at another offset than the one reached."""

    def __init__(self, expected: int, provided: int) -> None:
        super().__init__(
            f"The upload continues at offset {expected}, not {provided}.",
            code="offset_mismatch",
            expected_offset=expected,
            provided_offset=provided,
        )
        self.expected = expected
        self.provided = provided


class ChecksumMismatch(UploadError):
    """The bytes that arrived do not have the checksum sent with them. Nothing was stored."""

    code = "checksum_mismatch"


class SessionGone(UploadError):
    """The session expired or was cancelled."""

    def __init__(self, status: str) -> None:
        super().__init__(f"The upload session is {status}; start a new one.")
        self.code = f"session_{status}"


class TooLarge(UploadError):
    """More bytes than the limit allows."""

    code = "too_large"

    def __init__(self, detail: str, limit: int) -> None:
        super().__init__(detail, limit=limit)


class UnsupportedEncoding(UploadError):
    """The body is compressed. Bodies are taken as they are: decompressing is how small bodies become large ones."""

    code = "unsupported_encoding"

    def __init__(self) -> None:
        super().__init__("Send the body as it is, without Content-Encoding.")


class UnsupportedType(UploadError):
    """The body says that it is of a type that is not taken here."""

    code = "unsupported_media_type"


class ContentRefused(UploadError):
    """The content itself is refused: wrong hash, wrong type, or a validator's verdict. Validators raise this."""

    code = "content_refused"

    def __init__(self, detail: str, code: str = "content_refused", **extra: Any) -> None:
        super().__init__(detail, **extra)
        self.code = code


class QuotaExceeded(UploadError):
    """The owner has reached a quota."""

    code = "quota_exceeded"

    def __init__(self, detail: str, quota: str) -> None:
        super().__init__(detail, quota=quota)


class Throttled(UploadError):
    """Too many requests of this kind; ``wait`` is the time to wait in seconds."""

    code = "throttled"

    def __init__(self, detail: str, wait: float | None = None) -> None:
        super().__init__(detail)
        self.wait = wait


class StorageFull(UploadError):
    """The store has no room. What is stored stays; sending again later continues."""

    code = "storage_full"

    def __init__(self) -> None:
        super().__init__("The server's storage is full. Nothing that was stored is lost; try again later.")


class Unavailable(UploadError):
    """Database or storage are in trouble that passes. Nothing that was acknowledged is lost; trying again is safe."""

    code = "unavailable"


class BodyBroken(UploadError):
    """The body ended before all bytes of it had arrived."""

    code = "incomplete_body"


class ReferenceRefused(UploadError):
    """A form posted a reference to an upload that it may not take. ``code`` says why: see ``services.references``."""

    def __init__(self, detail: str, code: str) -> None:
        super().__init__(detail)
        self.code = code


class ReferenceAlreadyClaimed(Conflict):
    """Two forms with one reference were valid at the same time, and another one was saved first.

    Raised by ``save()`` of a model; ``field_name`` says of which field.
    """

    def __init__(self, field_name: str = "") -> None:
        super().__init__("This file is already saved.", code="already_saved")
        self.field_name = field_name
