"""Answers below 200 (RFC 9110, 15.2), which neither ASGI nor WSGI has: how a server offers to send them."""

from __future__ import annotations

from collections.abc import Iterable

ASGI_EXTENSION = "http.response.informational"
"""A server that has this among its ``extensions`` takes a message of this type, with ``status`` and ``headers``, any
number of times before ``http.response.start``. Others are sent none."""

_REASONS = {104: b"Upload Resumption Supported"}


def encode(status: int, headers: Iterable[tuple[bytes, bytes]]) -> bytes:
    """An interim answer as HTTP/1.1 writes it."""
    lines = b"".join(b"%b: %b\r\n" % field for field in headers)
    return b"HTTP/1.1 %d %b\r\n%b\r\n" % (status, _REASONS.get(status, b""), lines)
