"""Grammars of header fields. Each is linear: the field is split, never matched by a pattern that can backtrack."""

from __future__ import annotations

import base64
import binascii

from ..errors import BadRequest
from ..hashing import DIGEST_SIZE


def dictionary_member(field: str, key: str) -> str | None:
    """The value of a key of an RFC 8941 dictionary of byte sequences, without its parameters; the last one counts."""
    found = None
    for member in field.split(","):
        name, _, value = member.partition("=")
        if name.strip() == key:
            found = value.partition(";")[0].strip()
    return found


def content_digest(field: str | None) -> bytes | None:
    """The SHA-256 of a ``Content-Digest`` (RFC 9530, 2); None without one. Other algorithms are ignored.

    Raises:
        BadRequest: its sha-256 is not 32 bytes in base64 between colons.
    """
    value = dictionary_member(field or "", "sha-256")
    if value is None:
        return None
    try:
        if len(value) < 2 or value[0] != ":" or value[-1] != ":":
            raise ValueError
        digest = base64.b64decode(value[1:-1], validate=True)
        if len(digest) != DIGEST_SIZE:
            raise ValueError
    except (ValueError, binascii.Error):
        raise BadRequest(
            "Content-Digest must look like sha-256=:<base64 of the 32 bytes>: (RFC 9530).", code="bad_digest"
        ) from None
    return digest
