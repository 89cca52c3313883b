"""Metadata of an upload: a JSON object that its sender chose, so it is small, flat, and what databases take."""

from __future__ import annotations

from typing import Any

import orjson

from ..conf import KIB
from ..errors import BadRequest

LIMIT = 16 * KIB
"""Bytes as JSON."""
DEPTH = 31
"""Levels of objects and arrays; MariaDB takes 32, the column's own among them."""


def require_storable(metadata: dict[str, Any]) -> None:
    """
    Raises:
        BadRequest: too deep, too large, or with a character that no database takes.
    """
    if (flaw := flaw_of(metadata)) is not None:
        raise BadRequest(f"metadata: {flaw}", code="bad_metadata")


def flaw_of(metadata: dict[str, Any]) -> str | None:
    """What is wrong with it, as a sentence; None if nothing is."""
    if _is_deeper(metadata, DEPTH):
        return f"Must be nested at most {DEPTH} levels deep."
    try:
        encoded = orjson.dumps(metadata)
    except orjson.JSONEncodeError:  # A lone half of a surrogate pair.
        return "Must be text that can be encoded in UTF-8."
    if len(encoded) > LIMIT:
        return f"Must have at most {LIMIT} bytes as JSON."
    return "Must not contain NUL characters." if b"\\u0000" in encoded else None


def _is_deeper(document: Any, limit: int) -> bool:
    """Whether JSON has more levels of objects and arrays; what is nested arbitrarily deep is not recursed into."""
    level = [document]
    for _ in range(limit + 1):
        containers = [each for each in level if isinstance(each, dict | list)]
        if not containers:
            return False
        level = [item for each in containers for item in (each.values() if isinstance(each, dict) else each)]
    return True
