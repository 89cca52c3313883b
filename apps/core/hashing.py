"""SHA-256: parsing digests, and a hash whose state can be saved and continued in another process.

hashlib cannot save a running hash. OpenSSL's low-level ``SHA256_*`` functions can: their state is one plain struct
(``SHA256_CTX``). They are deprecated and their layout is internal, so :func:`saved_states_work` tests them once and
callers fall back to hashing from the start where they do not work.
"""

from __future__ import annotations

import ctypes
import ctypes.util
import hashlib
import re
from functools import lru_cache
from typing import Any

DIGEST_SIZE = 32
# SHA256_CTX of OpenSSL: h[8], Nl, Nh, data[16], num, md_len; 28 unsigned ints.
STATE_SIZE = 112

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


@lru_cache(maxsize=1)
def _libcrypto() -> Any:
    import _hashlib  # type: ignore[import-not-found, unused-ignore]  # links libcrypto, so this loads the very same copy

    for name in (_hashlib.__file__, ctypes.util.find_library("crypto")):
        try:
            library = ctypes.CDLL(name)
            for function in ("SHA256_Init", "SHA256_Update", "SHA256_Final"):
                getattr(library, function).restype = ctypes.c_int
            return library
        except (OSError, AttributeError):
            continue
    return None


class SavableSha256:
    """A SHA-256 with ``save()`` and continuation from a saved state. Use only where :func:`saved_states_work`."""

    def __init__(self, state: bytes | None = None) -> None:
        self._library = _libcrypto()
        # Room to spare, should a library's struct be larger than the one known here.
        self._context = ctypes.create_string_buffer(4 * STATE_SIZE)
        if state is None:
            self._library.SHA256_Init(self._context)
        else:
            ctypes.memmove(self._context, state, STATE_SIZE)

    def update(self, data: bytes) -> None:
        self._library.SHA256_Update(self._context, ctypes.c_char_p(data), ctypes.c_size_t(len(data)))

    def save(self) -> bytes:
        return self._context.raw[:STATE_SIZE]

    def hexdigest(self) -> str:
        copy = ctypes.create_string_buffer(self._context.raw, 4 * STATE_SIZE)
        digest = ctypes.create_string_buffer(DIGEST_SIZE)
        self._library.SHA256_Final(digest, copy)
        return digest.raw.hex()


@lru_cache(maxsize=1)
def saved_states_work() -> bool:
    """Whether a hash saved in the middle and continued gives the digest that hashlib gives."""
    if _libcrypto() is None:
        return False
    data = bytes(range(256)) * 5
    for cut in (0, 1, 63, 64, 65, 1000):
        first = SavableSha256()
        first.update(data[:cut])
        second = SavableSha256(first.save())
        second.update(data[cut:])
        if second.hexdigest() != hashlib.sha256(data).hexdigest():
            return False
    return True
