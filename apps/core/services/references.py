"""References: the short signed text that a form posts instead of the bytes of a file.

A reference is bound to the field, the upload, its digest and its owner, and ends some hours after it was made;
``status`` gives a new one as long as nobody claimed the file. It is proof for the form only: whether a file is still
there, and not claimed, the ledger says, once when the form is validated (:func:`resolve`) and once more when the row is
saved (:mod:`.claiming`).
"""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from django.core import signing

from ..conf import upload_settings
from ..errors import ReferenceRefused, UploadError
from ..models import UploadSession
from . import claiming
from .purposes import Purpose
from .secure_file_upload_service import SecureFileUploadService

_SALT = "resumable_uploads.reference"

Status = UploadSession.Status


def reference_to(session: UploadSession) -> str | None:
    """The reference to a completed upload for a field; None if it is no such upload, or was claimed."""
    if session.status != Status.COMPLETED or not session.purpose or not _is_free(session):
        return None
    return _signer().sign_object(
        {
            "field": session.purpose,
            "upload": session.upload_id.hex,
            "digest": session.published_digest,
            "owner": str(session.owner_id),
        }
    )


def resolve(reference: str, purpose: Purpose, user: Any) -> UploadSession:
    """The upload that a reference names, if a form for ``purpose`` that ``user`` sent may claim it.

    Raises:
        ReferenceRefused: it may not. ``code`` is one of ``reference_invalid`` (forged, or nobody is logged in),
            ``reference_expired``, ``reference_other_field``, ``reference_other_user``, ``reference_removed``,
            ``already_saved`` (claimed from the same user), ``reference_too_large``, ``reference_wrong_type``.
    """
    named = _unsigned(reference)
    if named["field"] != purpose.label:
        raise ReferenceRefused("This file was uploaded for another field.", "reference_other_field")
    if user is None or not getattr(user, "is_authenticated", False) or named["owner"] != str(user.pk):
        raise ReferenceRefused("This file was uploaded by somebody else.", "reference_other_user")
    session = UploadSession.objects.filter(upload_id=named["upload"], owner=user.pk, purpose=purpose.label).first()
    if session is None or session.status != Status.COMPLETED or session.published_digest != named["digest"]:
        raise ReferenceRefused("The uploaded file was removed; upload it again.", "reference_removed")
    if not _is_free(session):
        raise ReferenceRefused("This file is already saved.", "already_saved")
    _require_fitting(session, purpose)
    return session


def _is_free(session: UploadSession) -> bool:
    """Also if a save failed that had claimed it, once that claim is over."""
    if session.is_claimed and claiming.settle(session):
        session.refresh_from_db()
    return not session.is_claimed


def _unsigned(reference: str) -> dict[str, str]:
    try:
        named: dict[str, str] = _signer().unsign_object(
            reference, max_age=timedelta(hours=upload_settings().reference_hours)
        )
    except signing.SignatureExpired:
        raise ReferenceRefused("The form is too old; reload the page.", "reference_expired") from None
    except (signing.BadSignature, ValueError):
        raise ReferenceRefused("This is no uploaded file of this server.", "reference_invalid") from None
    return named


def _require_fitting(session: UploadSession, purpose: Purpose) -> None:
    """What the field takes may have changed since the upload began; and another form may take less."""
    limit = purpose.smallest_limit
    if limit is not None and (session.total_size or 0) > limit:
        raise ReferenceRefused(f"Files may have at most {limit} bytes.", "reference_too_large")
    try:
        SecureFileUploadService.admit(session.filename, session.mime_type, purpose.allowed_types())
    except UploadError as error:
        raise ReferenceRefused(error.detail, "reference_wrong_type") from None


def _signer() -> signing.TimestampSigner:
    return signing.TimestampSigner(salt=_SALT)
