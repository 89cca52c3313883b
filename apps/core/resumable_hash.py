"""A SHA-256 whose running state can be kept, and continued by another process of the same boot.

hashlib cannot save a running hash. OpenSSL's low-level ``SHA256_*`` functions can: their state is one plain struct
(``SHA256_CTX``). They are deprecated and its layout is internal, so they are tried once, and where they do not work
nothing is saved.

A saved state says what some bytes were when they were written. It speaks for what is stored only as long as the page
cache does: after a power failure bytes may be gone that it has seen. So a state carries the boot and the library it was
saved under, and is worth nothing under another. Whoever gets None instead reads the bytes again.
"""

from __future__ import annotations

import ctypes
import ctypes.util
import hashlib
import ssl
import struct
import uuid
from functools import lru_cache
from pathlib import Path
from typing import Any, Protocol

# SHA256_CTX of OpenSSL: h[8], Nl, Nh, data[16], num, md_len; 28 unsigned ints.
_CONTEXT_SIZE = 112
_LENGTHS = struct.Struct("=32xII64xII")
_STAMP_SIZE = 16

SAVED_SIZE = _STAMP_SIZE + _CONTEXT_SIZE


class RunningHash(Protocol):
    """What hashlib's hashes and :class:`_SavableSha256` have in common."""

    def update(self, data: bytes | memoryview, /) -> None: ...

    def digest(self) -> bytes: ...

    def copy(self) -> Any: ...


def new() -> RunningHash:
    """A running hash that can be saved, if that works here."""
    return _SavableSha256() if _states_can_be_saved() else hashlib.sha256()


def save(running: RunningHash) -> bytes:
    """Its state; empty if that cannot be saved."""
    return stamp() + running.context if isinstance(running, _SavableSha256) else b""


def load(saved: bytes, size: int) -> RunningHash | None:
    """The hash over ``size`` bytes, continued from what :func:`save` gave in this boot; None if it was not that."""
    if len(saved) != SAVED_SIZE or not is_of_this_boot(saved) or not _states_can_be_saved():
        return None
    context = saved[_STAMP_SIZE:]
    low, high, buffered, digest_size = _LENGTHS.unpack(context)
    if (high << 32 | low, buffered, digest_size) != (size * 8, size % 64, 32):
        return None
    return _SavableSha256(context)


class _SavableSha256:
    def __init__(self, context: bytes | None = None) -> None:
        # Room to spare, should a library's struct be larger than the one known here.
        self._context = ctypes.create_string_buffer(4 * _CONTEXT_SIZE)
        if context is None:
            _libcrypto().SHA256_Init(self._context)
        else:
            ctypes.memmove(self._context, context, _CONTEXT_SIZE)

    @property
    def context(self) -> bytes:
        return self._context.raw[:_CONTEXT_SIZE]

    def update(self, data: bytes | memoryview, /) -> None:
        # A view must be of memory that can be written, as ctypes has it.
        start: Any = ctypes.c_char_p(data) if isinstance(data, bytes) else (ctypes.c_char * len(data)).from_buffer(data)
        _libcrypto().SHA256_Update(self._context, start, ctypes.c_size_t(len(data)))

    def digest(self) -> bytes:
        last = ctypes.create_string_buffer(self._context.raw, 4 * _CONTEXT_SIZE)
        digest = ctypes.create_string_buffer(32)
        _libcrypto().SHA256_Final(digest, last)
        return digest.raw

    def copy(self) -> _SavableSha256:
        return _SavableSha256(self.context)


def is_of_this_boot(saved: bytes) -> bool:
    """Whether what :func:`save` or :func:`stamp` gave was given in this boot."""
    return saved[:_STAMP_SIZE] == stamp()


@lru_cache(maxsize=1)
def stamp() -> bytes:
    """This boot, and the library whose struct it is."""
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text()
    except OSError:
        boot = uuid.uuid4().hex  # Nobody can tell this boot from another: nothing outlives the process.
    return hashlib.sha256(f"{boot} {ssl.OPENSSL_VERSION}".encode()).digest()[:_STAMP_SIZE]


@lru_cache(maxsize=1)
def _libcrypto() -> Any:
    import _hashlib  # type: ignore[import-not-found, unused-ignore]  # links libcrypto, so this loads the very same copy

    for name in (getattr(_hashlib, "__file__", None), ctypes.util.find_library("crypto")):
        try:
            library = ctypes.CDLL(name)
            for function in ("SHA256_Init", "SHA256_Update", "SHA256_Final"):
                getattr(library, function).restype = ctypes.c_int
            return library
        except (OSError, AttributeError):
            continue
    return None


@lru_cache(maxsize=1)
def _states_can_be_saved() -> bool:
    """Whether a hash saved in the middle and continued gives the digest that hashlib gives."""
    if _libcrypto() is None:
        return False
    data = bytes(range(256)) * 5
    for cut in (0, 1, 63, 64, 65, 1000):
        first = _SavableSha256()
        first.update(data[:cut])
        second = _SavableSha256(first.context)
        second.update(data[cut:])
        if second.digest() != hashlib.sha256(data).digest():
            return False
    return True
