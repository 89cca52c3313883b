"""Addresses that carry their own permission, like S3's presigned URLs.

A permit is signed with Django's secret key and says whose it is, what for, and when it was made. It is worth something
for a while, for this one purpose, and only as long as its user may still log in. So what a page of another origin can
neither know nor guess needs neither cookie nor header.
"""

from __future__ import annotations

from typing import Any

from django.core import signing

from ..conf import PACKAGE
from ..http.authentication import Refused
from ..http.problems import Problem
from ..services.principal import Principal

PART_SECONDS = 3600
"""How long the address of a part or of a single request may be used to begin."""
ENDPOINT_SECONDS = 24 * 3600
"""How long a page may use an endpoint that was signed for it."""

_PART, _OBJECT, _ENDPOINT = "part", "object", "endpoint"

# Uppy 5 signs a part again when it finds these words of S3 in a 403.
_EXPIRED = Problem(
    403,
    "permit_expired",
    "This address has expired; ask for a new one.",
    {"s3": "<Message>Request has expired</Message>"},
)
_INVALID = Problem(403, "permit_invalid", "This address was not signed here, or for something else.")


def permit_part(principal: Principal, upload_id: object, part_number: int) -> str:
    """To send one part of one upload."""
    return _sign(_PART, principal, [str(upload_id), part_number])


def permit_object(principal: Principal, upload: dict[str, Any]) -> str:
    """To begin one upload and send all of it."""
    return _sign(_OBJECT, principal, upload)


def permit_endpoint(principal: Principal) -> str:
    """To use the whole of Uppy's contract as this principal."""
    return _sign(_ENDPOINT, principal, None)


def part_permitted(permit: str, upload_id: object, part_number: object) -> Principal:
    """
    Raises:
        Refused: not for this part, or no longer.
    """
    principal, claim = _read(_PART, permit, PART_SECONDS)
    if claim != [str(upload_id), part_number]:
        raise Refused(_INVALID)
    return principal


def object_permitted(permit: str) -> Principal:
    """Whose upload may begin.

    Raises:
        Refused: nobody's, or no longer.
    """
    return _read(_OBJECT, permit, PART_SECONDS)[0]


def promised_upload(permit: str) -> dict[str, Any]:
    """What was said of the upload when its permit was signed.

    Raises:
        Refused: no longer anything.
    """
    upload: dict[str, Any] = _claims(_OBJECT, permit, PART_SECONDS)[1]
    return upload


def endpoint_permitted(permit: str) -> Principal:
    """
    Raises:
        Refused: nobody's, or no longer.
    """
    return _read(_ENDPOINT, permit, ENDPOINT_SECONDS)[0]


def _sign(purpose: str, principal: Principal, claim: Any) -> str:
    return signing.dumps([str(principal.user_id), claim], salt=f"{PACKAGE}.s3.{purpose}")


def _claims(purpose: str, permit: str, seconds: int) -> list[Any]:
    try:
        claims: list[Any] = signing.loads(permit, salt=f"{PACKAGE}.s3.{purpose}", max_age=seconds)
    except signing.SignatureExpired:
        raise Refused(_EXPIRED) from None
    except signing.BadSignature:
        raise Refused(_INVALID) from None
    return claims


def _read(purpose: str, permit: str, seconds: int) -> tuple[Principal, Any]:
    user_id, claim = _claims(purpose, permit, seconds)
    principal = Principal.still_active(user_id)
    if principal is None:
        raise Refused(_INVALID)
    return principal, claim
