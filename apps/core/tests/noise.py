"""Random bytes that look like nothing."""

from __future__ import annotations

import os


def noise(size: int) -> bytes:
    """Random bytes, but for the first: of thousands of files one would begin as a program does (``MZ``, ``#!``), and be
    refused."""
    return b"."[:size] + os.urandom(max(size - 1, 0))
