"""SHA-256 digests as text."""

from __future__ import annotations

import re

DIGEST_SIZE = 32

_HEX_DIGEST = re.compile(r"[0-9a-fA-F]{64}")


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
