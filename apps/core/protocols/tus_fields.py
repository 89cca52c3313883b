"""Header fields of tus 1.0.0. Each parser is linear, and refuses what the specification does not allow."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping
from urllib.parse import urlsplit
from uuid import UUID

from ..errors import BadRequest
from ..http.small_bodies import MOST_DIGITS
from ..services.checked_appending import ExpectedChecksum
from .checksums import TUS_ALGORITHMS


def byte_count(name: str, text: str) -> int:
    """A non-negative integer in decimal digits.

    Raises:
        BadRequest: it is none, or larger than any file.
    """
    if not (text.isascii() and text.isdigit() and len(text) <= MOST_DIGITS and int(text) < 2**63):
        raise BadRequest(f"{name} must be a whole number of bytes.", code="bad_field")
    return int(text)


def parse_metadata(field: str) -> dict[str, bytes]:
    """``Upload-Metadata``: pairs with commas between them, each a key, and its value in base64 behind a space.

    Raises:
        BadRequest: a key is empty, there twice or not ASCII, a value is not base64, or a pair has more than two parts.
    """
    found: dict[str, bytes] = {}
    for pair in field.split(",") if field.strip() else ():
        key, *values = pair.strip(" ").split(" ")
        if not key or not key.isascii() or not key.isprintable() or key in found or len(values) > 1:
            raise _bad_metadata()
        try:
            found[key] = base64.b64decode(values[0] if values else "", validate=True)
        except (ValueError, binascii.Error):
            raise _bad_metadata() from None
    return found


def texts_of(metadata: Mapping[str, bytes]) -> dict[str, str]:
    """What of the metadata is text, for those who read it in JSON; the client gets back what it sent."""
    texts = {}
    for key, value in metadata.items():
        try:
            text = value.decode("utf-8")
        except UnicodeDecodeError:
            continue
        if "\0" not in text:
            texts[key] = text
    return texts


def _bad_metadata() -> BadRequest:
    return BadRequest(
        "Upload-Metadata must be pairs of a unique key and a value in base64, with commas between them.",
        code="bad_metadata",
    )


def parse_checksum(field: str | None) -> ExpectedChecksum | None:
    """``Upload-Checksum``: the name of an algorithm, and behind a space the checksum in base64. None without one.

    Raises:
        BadRequest: another algorithm, or not a checksum of it.
    """
    if field is None:
        return None
    algorithm, _, encoded = field.strip().partition(" ")
    if algorithm not in TUS_ALGORITHMS:
        known = ", ".join(TUS_ALGORITHMS)
        raise BadRequest(f"Upload-Checksum may be of {known}.", code="bad_checksum")
    try:
        digest = base64.b64decode(encoded, validate=True)
    except (ValueError, binascii.Error):
        digest = b""
    if len(digest) != len(TUS_ALGORITHMS[algorithm]().digest()):
        raise BadRequest(f"Upload-Checksum is not the base64 of a {algorithm}.", code="bad_checksum")
    return ExpectedChecksum(TUS_ALGORITHMS[algorithm], digest)


def parse_final(field: str) -> list[UUID]:
    """The ids in ``Upload-Concat: final;<address> <address> ...``, in their order; an address may be there twice.

    Raises:
        BadRequest: it is something else.
    """
    kind, _, addresses = field.partition(";")
    try:
        ids = [UUID(urlsplit(address).path.rstrip("/").rpartition("/")[2]) for address in addresses.split()]
    except ValueError:
        ids = []
    if kind.strip() != "final" or not ids:
        raise BadRequest("Upload-Concat must be partial, or final; and the addresses of uploads.", code="bad_concat")
    return ids
