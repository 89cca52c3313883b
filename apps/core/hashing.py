"""SHA-256 digests as text, and the composite of many."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable

DIGEST_SIZE = 32

_HEX_DIGEST = re.compile(r"[0-9a-fA-F]{64}")
_COMPOSITE = re.compile(r"[0-9a-fA-F]{64}-(0|[1-9][0-9]{0,8})")


def parse_sha256(text: str) -> str:
    """The digest in lower-case hex.

    Raises:
        ValueError: ``text`` is not 64 hexadecimal digits.
    """
    if not _HEX_DIGEST.fullmatch(text):
        raise ValueError(
            "Expected a SHA-256 digest as 64 hexadecimal digits (in Python: hashlib.sha256(data).hexdigest(); "
            "in a shell: sha256sum FILE)."
        )
    return text.lower()


def parse_composite(text: str) -> str:
    """The composite digest in lower-case hex.

    Raises:
        ValueError: ``text`` is not what :func:`composite_of` gives.
    """
    if not _COMPOSITE.fullmatch(text):
        raise ValueError(
            "Expected the SHA-256 of all chunks' SHA-256 digests (32 bytes each, in order) as 64 hexadecimal digits, "
            "a hyphen, and the number of chunks."
        )
    return text.lower()


def composite_of(digests: Iterable[bytes]) -> str:
    """The SHA-256 of the chunks' SHA-256 digests, in order, with their number: as S3 writes composite checksums.

    Args:
        digests: of all chunks, in order, 32 bytes each.
    """
    joined = b"".join(digests)
    return f"{hashlib.sha256(joined).hexdigest()}-{len(joined) // DIGEST_SIZE}"


def sha256_of_blocks(blocks: Iterable[bytes]) -> str:
    """The SHA-256 of bytes that come in blocks, in hex."""
    digest = hashlib.sha256()
    for block in blocks:
        digest.update(block)
    return digest.hexdigest()
