"""What an upload is for: nothing, or one model field, named by a signed field token at ``init``.

The token
    Whoever shows a form knows which field it is for and what that field takes; whoever begins an upload is a browser
    that could say anything. So the form carries a signed text, ``<app>.<model>.<field>:<limits>:<time>:<signature>``,
    which ``init`` takes as ``purpose``. It says nothing about the visitor, so a page may be cached, and nothing is
    given away by it: whose the upload is, the request that begins it says. It ends some days after the form was shown.

    The limits in it are those of the form; the model field's own and the site's hold besides.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from django.core import signing

from ..conf import upload_settings
from ..errors import BadRequest
from ..storage.destinations import FIELD, upload_field
from .accepted_types import AllowedTypes, allowed_types

_SALT = "resumable_uploads.field_token"


@dataclass(frozen=True, slots=True)
class Purpose:
    """The field that an upload is for, and what may be uploaded for it through one form."""

    label: str
    max_size: int | None = None
    """Bytes."""
    accept: tuple[str, ...] = ()

    @property
    def field(self) -> Any:
        """The model field.

        Raises:
            LookupError: it is gone.
        """
        return upload_field(self.label)

    @property
    def destination(self) -> str:
        return FIELD + self.label

    @property
    def smallest_limit(self) -> int | None:
        """The most bytes, of the form's limit and the field's."""
        limits = [limit for limit in (self.max_size, self.field.max_size) if limit is not None]
        return min(limits, default=None)

    def allowed_types(self) -> AllowedTypes:
        """What the field takes, of which the form may take less."""
        field = self.field
        types = allowed_types(field.accept, replaces=field.replaces_allowed_types)
        if not self.accept or self.accept == tuple(field.accept):
            return types
        narrowed = allowed_types(self.accept, replaces=field.replaces_allowed_types)
        both = {suffix: tuple(each for each in types[suffix] if each in narrowed.get(suffix, ())) for suffix in types}
        return {suffix: kept for suffix, kept in both.items() if kept}


def field_token(label: str, *, max_size: int | None = None, accept: Iterable[str] = ()) -> str:
    """The signed text that lets uploads begin for a field.

    Args:
        label: ``app.model.field``.
        max_size: bytes, if the form takes less than the field.
        accept: likewise.
    """
    limits = {"max_size": max_size, "accept": list(accept)}
    payload = signing.b64_encode(json.dumps(limits, separators=(",", ":")).encode()).decode()
    return _signer().sign(f"{label}:{payload}")


def read_field_token(token: str) -> Purpose:
    """
    Raises:
        BadRequest: it is forged, too old, or of a field that is gone.
    """
    try:
        text = _signer().unsign(token, max_age=timedelta(hours=upload_settings().field_token_hours))
    except signing.SignatureExpired:
        raise BadRequest("The form is too old; reload the page.", code="purpose_expired") from None
    except signing.BadSignature:
        raise _invalid() from None
    label, _, payload = text.partition(":")
    limits = json.loads(signing.b64_decode(payload.encode()))
    try:
        upload_field(label)
    except LookupError:
        raise _invalid() from None
    return Purpose(label, limits["max_size"], tuple(limits["accept"]))


def _signer() -> signing.TimestampSigner:
    return signing.TimestampSigner(salt=_SALT)


def _invalid() -> BadRequest:
    return BadRequest("This is no field token of this server.", code="purpose_invalid")
