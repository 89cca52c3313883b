"""SHA-256 digests of a file's chunks, and the one of them all that proves the whole."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable


def composite_of(digests: Iterable[bytes]) -> str:
    """The SHA-256 of the chunks' SHA-256 digests, in order, with their number: ``<64 hex>-<chunks>``.

    Args:
        digests: of all chunks, in order, 32 bytes each.
    """
    joined = b"".join(digests)
    return f"{hashlib.sha256(joined).hexdigest()}-{len(joined) // 32}"
