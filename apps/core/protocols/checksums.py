"""Checksums that come with a body, whatever the field is called."""

from __future__ import annotations

import hashlib
import zlib
from collections.abc import Callable, Mapping

from ..errors import BadRequest
from ..hashing import DIGEST_SIZE
from ..services.checked_appending import ExpectedChecksum, RunningChecksum
from .structured import byte_sequences


class _Crc32:
    """CRC-32 as zip and gzip have it, four bytes, the most significant first."""

    def __init__(self) -> None:
        self._value = 0

    def update(self, block: bytes) -> None:
        self._value = zlib.crc32(block, self._value)

    def digest(self) -> bytes:
        return self._value.to_bytes(4, "big")


TUS_ALGORITHMS: Mapping[str, Callable[[], RunningChecksum]] = {
    "sha256": hashlib.sha256,
    "sha1": lambda: hashlib.sha1(usedforsecurity=False),
    "md5": lambda: hashlib.md5(usedforsecurity=False),
    "crc32": _Crc32,
}
"""What ``Tus-Checksum-Algorithm`` lists, the best first."""

_DIGEST_ALGORITHMS: Mapping[str, Callable[[], RunningChecksum]] = {"sha-256": hashlib.sha256, "sha-512": hashlib.sha512}
"""Of RFC 9530, the first one that a field has counts; others are ignored."""


def content_checksum(field: str | None) -> ExpectedChecksum | None:
    """``Content-Digest`` (RFC 9530, 2), None without one of an algorithm that is known here.

    Raises:
        BadRequest: the digest is not as long as one of its algorithm.
    """
    members = byte_sequences(field)
    for name, begin in _DIGEST_ALGORITHMS.items():
        if name in members:
            if len(members[name]) != len(begin().digest()):
                raise BadRequest(f"Content-Digest does not have a {name}.", code="bad_digest")
            return ExpectedChecksum(begin, members[name])
    return None


def file_hash(field: str | None) -> str:
    """The SHA-256 of a whole file in ``Repr-Digest`` (RFC 9530, 3), in hex; empty without one.

    Raises:
        BadRequest: it does not have 32 bytes.
    """
    digest = byte_sequences(field).get("sha-256")
    if digest is None:
        return ""
    if len(digest) != DIGEST_SIZE:
        raise BadRequest("Repr-Digest does not have a sha-256.", code="bad_digest")
    return digest.hex()
